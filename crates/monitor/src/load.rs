//! Opening: every record read.

use store::{Store, StoreError};

use crate::book::Book;
use crate::limits;
use crate::metrics::Metrics;
use crate::record::{self, Found};

/// Reads everything into memory; the names of the records that could not be read.
pub(crate) async fn load(
    store: &dyn Store,
    book: &mut Book,
    metrics: &mut Metrics,
) -> Result<Vec<String>, StoreError> {
    let mut damaged = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .scan(record::FOLDER, after.as_ref(), limits::LOAD_PAGE)
            .await?;
        for (name, found) in &page {
            match record::read(name.as_str(), &found.value) {
                Some(Found::Change(change)) => book.apply(change),
                Some(Found::Points(place, minute, points)) => {
                    for (name, datum) in &points {
                        // What has no room now had none when it was put, and the oldest come first.
                        let _ = metrics.take_in(&place, name, minute, *datum);
                    }
                }
                None => damaged.push(name.to_string()),
            }
        }
        match page.into_iter().last() {
            Some((last, _)) => after = Some(last),
            None => return Ok(damaged),
        }
    }
}
