//! The volumes of a machine in a table that fits the terminal: what a glance wants to know. The rest is in `status NAME`.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use volume::verbs::{Stage, Status};

use crate::show;

/// The columns, in the order in which they are read.
const HEADER: [&str; 7] = [
    "VOLUME", "STATE", "SIZE", "CIPHER", "ENGINE", "DEVICE", "MOUNT",
];

/// The table, with what needs a word below it. `width` is the terminal's in columns; without one nothing is folded.
pub(crate) fn of(statuses: &[Status], width: Option<u16>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(HEADER);
    if let Some(width) = width {
        table.set_width(width);
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for status in statuses {
        table.add_row(row(status));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = table.trim_fmt();
    for status in statuses {
        if let Some(note) = &status.note {
            let _ = write!(text, "\n{}: {note}", status.volume);
        }
    }
    text
}

fn row(status: &Status) -> [String; 7] {
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
        Stage::Foreign => "foreign",
    }
}
