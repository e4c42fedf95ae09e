//! A request's body, and what becomes of the part that nobody read.
//!
//! A refusal is often known from the head alone. If the connection were closed then, with bytes of the body still on their way, the
//! client's kernel could throw the refusal away before the client has read it, or the client could send its next request into a closed
//! connection. So a short rest is read and dropped, and otherwise the answer says that the connection ends with it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::{Request, Response, Version};
use tokio::sync::oneshot::{self, error::TryRecvError};

/// The longest rest that is read and dropped, in bytes. A longer one costs its client the connection.
const REST_MAX: usize = 1 << 20;
/// How long a rest may take to arrive.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// A body that goes back to its [`Remainder`] when whoever held it lets it go before its end.
pub(crate) struct Upload {
    incoming: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

/// What waits for a body to come back.
pub(crate) struct Remainder {
    body: oneshot::Receiver<Incoming>,
    /// The client sends nothing before it is asked to, and asking begins with reading.
    awaits_leave: bool,
    version: Version,
}

/// A request with its body watched.
pub(crate) fn watched(request: Request<Incoming>) -> (Request<Upload>, Remainder) {
    let (back, body) = oneshot::channel();
    let remainder = Remainder {
        body,
        awaits_leave: request.headers().contains_key(EXPECT),
        version: request.version(),
    };
    let request = request.map(|incoming| Upload {
        incoming: Some(incoming),
        back: Some(back),
    });
    (request, remainder)
}

impl Remainder {
    /// Sees to the rest of the body, if there is one, before `response` goes out.
    pub(crate) async fn settle<B>(mut self, mut response: Response<B>) -> Response<B> {
        let is_read = match self.body.try_recv() {
            Ok(body) => body.is_end_stream() || (!self.awaits_leave && drained(body).await),
            Err(TryRecvError::Closed) => true,
            // Still held by someone: how much will be read is not known.
            Err(TryRecvError::Empty) => false,
        };
        // HTTP/2 ends one stream, and forbids the header.
        if !is_read && self.version < Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }
}

async fn drained(body: Incoming) -> bool {
    let mut rest = Limited::new(body, REST_MAX);
    let all = async {
        while let Some(frame) = rest.frame().await {
            if frame.is_err() {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(REST_TIMEOUT, all)
        .await
        .unwrap_or(false)
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let frame = Pin::new(incoming).poll_frame(cx);
        if let Poll::Ready(None) = frame {
            self.incoming = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let (Some(incoming), Some(back)) = (self.incoming.take(), self.back.take()) {
            // Nobody waits any more once the client is gone.
            let _ = back.send(incoming);
        }
    }
}
