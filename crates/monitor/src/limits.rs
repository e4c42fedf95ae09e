//! Every bound of this room, by name. Where AWS documents the number it is AWS's; the rest are ours, and say why.

/// How long points are kept: 15 days, as AWS keeps points of a minute.
pub const RETENTION_MINUTES: u32 = 15 * 24 * 60;
/// How far in the past a point may lie when it is put: two weeks.
pub const PAST_MINUTES: u32 = 14 * 24 * 60;
/// How far in the future a point may lie when it is put: two hours.
pub const FUTURE_MINUTES: u32 = 2 * 60;
/// Series in memory, all accounts together: of those that callers put, and again of those that the service counts itself.
pub const SERIES_MAX: usize = 10_000;
/// Points in memory, likewise: about 40 MB.
pub const POINTS_MAX: usize = 1_000_000;
/// Accounts' regions that have meters of their own. A region is a caller's word, so their number has to end somewhere; all
/// beyond share one set of meters.
pub const METERED_MAX: usize = 1024;

/// Data in one `PutMetricData`.
pub const DATA_PER_PUT: usize = 1000;
/// Values in one datum.
pub const VALUES_PER_DATUM: usize = 150;
/// The greatest value of a datum: 2^360.
pub const VALUE_MAX: f64 = 2.348_542_582_773_833e108;
/// Queries in one `GetMetricData`.
pub const QUERIES_PER_REQUEST: usize = 500;
/// Points that one answer of `GetMetricStatistics` may have.
pub const POINTS_PER_STATISTICS: usize = 1440;
/// Points that one answer of `GetMetricData` may have.
pub const POINTS_PER_DATA: usize = 100_800;
/// Points that one `GetMetricData` may look at in all its queries: what it may cost.
pub const POINTS_LOOKED_AT: usize = 4 * POINTS_PER_DATA;
/// How deep the parts of an expression, and expressions that name each other, may nest.
pub const EXPRESSION_DEPTH: usize = 32;

/// Metrics on a page of `ListMetrics`.
pub const METRICS_PAGE: usize = 500;
/// Alarms on a page when the caller asks for no number.
pub const ALARMS_PAGE: usize = 50;
/// History items on a page when the caller asks for no number, and at most.
pub const HISTORY_PAGE: usize = 100;
/// Quotas or requests on a page when the caller asks for no number, and at most.
pub const QUOTAS_PAGE: usize = 100;

/// Alarms in one account and region.
pub const ALARMS_PER_REGION: usize = 5000;
/// Queries in one alarm.
pub const QUERIES_PER_ALARM: usize = 10;
/// What evaluation periods may span, in seconds: a week.
pub const ALARM_SPAN_SECONDS: i64 = 7 * 24 * 60 * 60;
/// Periods beyond its own that an alarm looks back for points, when some are missing. AWS's documentation has 5 for 3.
pub const PERIODS_BEYOND: usize = 2;
/// How long history is kept, in days.
pub const HISTORY_DAYS: i64 = 30;
/// History items of one account and region in memory.
pub const HISTORY_PER_REGION: usize = 10_000;
/// Requests for quota increases that one account and region keeps.
pub const REQUESTS_PER_REGION: usize = 1000;

/// Records that one read of the store fetches while the room opens.
pub const LOAD_PAGE: usize = 1000;
/// Points in one record of the store.
pub const POINTS_PER_RECORD: usize = 2000;
