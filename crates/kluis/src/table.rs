//! The volumes of a machine in a table that fits the terminal: what a glance wants to know. The rest is in `status NAME`.

use unicode_width::UnicodeWidthStr as _;
use volume::verbs::{Stage, Status};

use crate::show;

/// The columns, in the order in which they are read.
const HEADER: [&str; COLUMNS] = [
    "VOLUME", "STATE", "SIZE", "CIPHER", "ENGINE", "DEVICE", "MOUNT",
];
const COLUMNS: usize = 7;
/// The columns of paths, which are cut where there is no room, at their beginning: what tells one from another is at the end.
const PATHS: [usize; 2] = [5, 6];
/// The least that is left of a path. Where that is too much, each volume is a few lines of its own.
const PATH_MIN: usize = 16;
/// What stands between two columns.
const GAP: &str = "  ";
/// What stands for what was cut off.
const CUT: &str = "…";

/// One volume.
type Row = [String; COLUMNS];

/// The table, with what needs a word below it. `width` is the terminal's in columns, and no line is wider; without one nothing is cut.
pub(crate) fn of(statuses: &[Status], width: Option<u16>) -> String {
    let width = width.map(usize::from);
    let rows: Vec<Row> = statuses.iter().map(row).collect();
    let mut lines = laid_out(&rows, width);
    for status in statuses {
        if let Some(note) = &status.note {
            lines.extend(folded(&format!("{}: {note}", status.volume), width));
        }
    }
    lines.join("\n")
}

fn laid_out(rows: &[Row], width: Option<usize>) -> Vec<String> {
    let header = HEADER.map(str::to_owned);
    let mut widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        let all = std::iter::once(&header).chain(rows);
        all.map(|row| row[column].width()).max().unwrap_or_default()
    });
    if let Some(width) = width
        && !fit(&mut widths, width)
    {
        return one_by_one(rows, width);
    }
    std::iter::once(&header)
        .chain(rows)
        .map(|row| {
            let cells = row.iter().zip(widths).map(|(cell, width)| {
                let cell = cut(cell, width);
                let blanks = width.saturating_sub(cell.width());
                cell + &" ".repeat(blanks)
            });
            let line = cells.collect::<Vec<_>>().join(GAP);
            line.trim_end().to_owned()
        })
        .collect()
}

/// Takes from the columns of paths what is too much, from the wider one first; whether that is enough.
fn fit(widths: &mut [usize; COLUMNS], width: usize) -> bool {
    let gaps = GAP.len() * (COLUMNS - 1);
    while widths.iter().sum::<usize>() + gaps > width {
        let widest = PATHS
            .into_iter()
            .max_by_key(|column| widths[*column])
            .filter(|column| widths[*column] > PATH_MIN);
        let Some(column) = widest else {
            return false;
        };
        widths[column] -= 1;
    }
    true
}

/// Each volume in lines of its own.
fn one_by_one(rows: &[Row], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        for (name, cell) in HEADER.iter().zip(row) {
            let label = format!("{}: ", name.to_lowercase());
            let room = width.saturating_sub(label.width());
            let line = if room > 1 {
                label + &cut(cell, room)
            } else {
                cut(&format!("{label}{cell}"), width)
            };
            lines.push(line);
        }
    }
    lines
}

/// As much of the end of a text as `width` columns hold.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut rest = text.chars();
    while rest.as_str().width() + CUT.width() > width && rest.next().is_some() {}
    if width == 0 {
        String::new()
    } else {
        format!("{CUT}{}", rest.as_str())
    }
}

/// A text in lines of `width` columns at the most, broken between words, and within one that is wider.
fn folded(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else {
        return vec![text.to_owned()];
    };
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        loop {
            let line = lines.pop().unwrap_or_default();
            let gap = usize::from(!line.is_empty());
            if line.width() + gap + word.width() <= width {
                let gap = &" "[..gap];
                lines.push(format!("{line}{gap}{word}"));
                break;
            }
            if !line.is_empty() {
                lines.extend([line, String::new()]);
                continue;
            }
            // The word alone is too wide.
            let mut end = word.len();
            while word[..end].width() > width && end > 0 {
                end -= word[..end].chars().next_back().map_or(end, char::len_utf8);
            }
            // A column at least, so that it comes to an end.
            let end = end.max(word.chars().next().map_or(0, char::len_utf8));
            lines.extend([word[..end].to_owned(), String::new()]);
            word = &word[end..];
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn row(status: &Status) -> Row {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let cipher = match (&status.cipher, status.keysize) {
        (Some(cipher), Some(bits)) => Some(format!("{cipher} {bits}")),
        (cipher, _) => cipher.clone(),
    };
    [
        status.volume.clone(),
        state(status.stage).to_owned(),
        or_dash(status.backing_bytes.map(show::bytes)),
        or_dash(cipher),
        or_dash(status.engine.clone()),
        status.backing.clone(),
        match (&status.mount, &status.file_system) {
            (Some(mount), Some(file_system)) => format!("{} ({file_system})", mount.display()),
            (Some(mount), None) => mount.display().to_string(),
            (None, _) => "-".to_owned(),
        },
    ]
}

/// In one word, the same that `--json` has.
fn state(stage: Stage) -> &'static str {
    match stage {
        Stage::Missing => "missing",
        Stage::Blank => "blank",
        Stage::Provisioning => "provisioning",
        Stage::Closed => "closed",
        Stage::Open => "open",
        Stage::Mounted => "mounted",
        Stage::Dead => "dead",
        Stage::Erased => "erased",
        Stage::Unknown => "unknown",
        Stage::Foreign => "foreign",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        [
            [
                "db",
                "mounted",
                "1.9 TiB",
                "aes-xts-plain64 512",
                "dm-crypt",
            ],
            [
                "a-volume-with-a-name-of-forty-characters",
                "closed",
                "64 MiB",
                "-",
                "-",
            ],
        ]
        .map(|[volume, state, size, cipher, engine]| {
            [
                volume,
                state,
                size,
                cipher,
                engine,
                "/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_AWS0123456789ABCDEF",
                "/srv/täglich/データ/db (ext4)",
            ]
            .map(str::to_owned)
        })
        .to_vec()
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_cell_is_broken() {
        for width in 1..300 {
            for line in laid_out(&rows(), Some(width)) {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn with_room_nothing_is_cut() {
        for width in [None, Some(300)] {
            let lines = laid_out(&rows(), width);
            assert_eq!(lines.len(), 3);
            assert!(lines.iter().all(|line| !line.contains(CUT)), "{lines:#?}");
            assert!(lines[1].ends_with("/db (ext4)"));
        }
    }

    #[test]
    fn with_less_room_paths_lose_their_beginning_and_keep_their_line() {
        let rows = &rows()[..1];
        let lines = laid_out(rows, Some(110));
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("db  "), "{}", lines[1]);
        assert!(
            lines[1].contains("…") && lines[1].contains("89ABCDEF  "),
            "{}",
            lines[1]
        );
    }

    #[test]
    fn with_none_each_volume_is_lines_of_its_own() {
        let lines = laid_out(&rows(), Some(40));
        assert_eq!(lines.len(), 2 * COLUMNS + 1);
        assert_eq!(
            lines[..3],
            ["volume: db", "state: mounted", "size: 1.9 TiB"]
        );
        assert_eq!(lines[5], "device: …nce_Storage_AWS0123456789ABCDEF");
        assert_eq!(lines[7], "");
    }

    #[test]
    fn a_note_is_folded_between_words() {
        let fold = |text, width| folded(text, Some(width));
        assert_eq!(fold("db: it is down", 8), ["db: it", "is down"]);
        assert_eq!(
            fold("a/very/long/path it is", 8),
            ["a/very/l", "ong/path", "it is"]
        );
        assert_eq!(fold("データ", 1), ["デ", "ー", "タ"]);
        assert_eq!(folded("as it is", None), ["as it is"]);
    }
}
