//! The head of an HTTP request, as it came: nothing is decoded, joined or normalised, for the signature is over exactly this.

/// Method, target and headers of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The method, as sent.
    pub method: String,
    /// The path, as sent: still percent-encoded, beginning with a slash.
    pub path: String,
    /// What stands after the question mark, as sent; empty when there is none.
    pub query: String,
    /// Names in lower case and values, in the order in which they came. HTTP/2's `:authority` is given as `host`.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// All headers of that name (in lower case), in their order.
    pub fn headers_named<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        self.headers
            .iter()
            .filter(move |(each, _)| each == name)
            .map(|(_, value)| value.as_str())
    }

    /// The one header of that name; `None` when there is none and when there are several.
    pub(crate) fn only_header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers_named(name);
        found.next().filter(|_| found.next().is_none())
    }
}
