//! What the store holds of this room, and under which names.
//!
//! | name | what |
//! |---|---|
//! | `monitor/<account>/<region>/alarm/<name>` | an alarm |
//! | `monitor/<account>/<region>/history/<milliseconds>-<id>` | something that happened to one |
//! | `monitor/<account>/<region>/increase/<milliseconds>-<id>` | a request for a higher quota |
//! | `monitor/<account>/<region>/points/<minute>/<id>` | points of a minute; several records of one minute add up |

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::StoreError;
use wire::cloudwatch::StandardUnit;

use crate::alarm::Alarm;
use crate::book::{Change, Increase};
use crate::history::Item;
use crate::metric::{Datum, Metric};
use crate::metrics::Name;
use crate::place::{Minute, Place};

/// Where all records of this room are.
pub(crate) const FOLDER: &str = "monitor/";
/// The version of the records' form.
const VERSION: u32 = 1;

/// A record's form: a version beside what it holds.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    value: T,
}

/// Points of one minute.
#[derive(Serialize, Deserialize)]
pub(crate) struct Points {
    points: Vec<Point>,
}

#[derive(Serialize, Deserialize)]
struct Point {
    metric: Metric,
    unit: StandardUnit,
    datum: Datum,
}

/// What a record turned out to be.
pub(crate) enum Found {
    Change(Change),
    Points(Place, Minute, Vec<(Name, Datum)>),
}

fn folder(place: &Place, kind: &str) -> String {
    let Place { account, region } = place;
    format!("{FOLDER}{account}/{region}/{kind}/")
}

/// Names that sort by time: 2^43 milliseconds end in the year 2248.
fn timed(at: Timestamp) -> String {
    format!("{:013}", at.as_millisecond().max(0))
}

/// The folder of a place's points, and the name of its records of minutes before one: names that sort before `until`.
pub(crate) fn points_before(place: &Place, minute: Minute) -> (String, String) {
    let folder = folder(place, "points");
    let until = format!("{folder}{:010}", minute.0);
    (folder, until)
}

/// The folder of a place's history, and what names before an instant sort before.
pub(crate) fn history_before(place: &Place, at: Timestamp) -> (String, String) {
    let folder = folder(place, "history");
    let until = format!("{folder}{}", timed(at));
    (folder, until)
}

/// A record of points: its name and bytes. `id` tells it from others of its minute.
pub(crate) fn of_points(
    place: &Place,
    minute: Minute,
    points: &[(Name, Datum)],
    id: &str,
) -> Result<(String, Vec<u8>), StoreError> {
    let name = format!("{}{:010}/{id}", folder(place, "points"), minute.0);
    let points = points.iter().map(|((metric, unit), datum)| Point {
        metric: metric.clone(),
        unit: *unit,
        datum: *datum,
    });
    let value = Points {
        points: points.collect(),
    };
    Ok((name, encode(&value)?))
}

/// A change's record: its name, and its bytes where it is not to go.
pub(crate) fn of_change(change: &Change) -> Result<(String, Option<Vec<u8>>), StoreError> {
    Ok(match change {
        Change::PutAlarm(place, alarm) => {
            let value = encode(alarm.as_ref())?;
            (alarm_name(place, alarm.name()), Some(value))
        }
        Change::DeleteAlarm(place, name) => (alarm_name(place, name), None),
        Change::AddHistory(place, item) => {
            let id = uuid::Uuid::new_v4().simple();
            let name = format!("{}{}-{id}", folder(place, "history"), timed(item.at));
            (name, Some(encode(item)?))
        }
        Change::AddIncrease(place, increase) => {
            let at = timed(increase.created);
            let name = format!("{}{at}-{}", folder(place, "increase"), increase.id);
            (name, Some(encode(increase)?))
        }
    })
}

fn alarm_name(place: &Place, name: &str) -> String {
    folder(place, "alarm") + name
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let record = Versioned { v: VERSION, value };
    serde_json::to_vec(&record).map_err(|_| StoreError::Corrupt {
        place: "a record that cannot be written as JSON".to_owned(),
    })
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let record: Versioned<T> = serde_json::from_slice(bytes).ok()?;
    (record.v == VERSION).then_some(record.value)
}

/// Reads a record; `None` for one that is damaged.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Option<Found> {
    let rest = name.strip_prefix(FOLDER)?;
    let mut parts = rest.splitn(4, '/');
    let (account, region, kind, name) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let place = Place::new(account, region);
    match kind {
        "alarm" => {
            let alarm = decode::<Alarm>(bytes).filter(|alarm| alarm.name() == name)?;
            Some(Found::Change(Change::PutAlarm(place, Box::new(alarm))))
        }
        "history" => Some(Found::Change(Change::AddHistory(
            place,
            decode::<Item>(bytes)?,
        ))),
        "increase" => {
            let increase = decode::<Increase>(bytes)?;
            Some(Found::Change(Change::AddIncrease(place, increase)))
        }
        "points" => {
            let minute = name.split('/').next()?.parse().ok()?;
            let points = decode::<Points>(bytes)?.points.into_iter();
            let points = points.map(|point| ((point.metric, point.unit), point.datum));
            Some(Found::Points(place, Minute(minute), points.collect()))
        }
        _ => None,
    }
}
