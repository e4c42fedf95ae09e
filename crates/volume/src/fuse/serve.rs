//! Answering the kernel: requests in, the view's bytes out, on several threads.

use std::io;

use crypto::XtsKey;

use super::buffer::AlignedBuffer;
use super::device::{Device, Received};
use super::kmsg;
use super::protocol::{Answer, Attributes, Limits, Operation, Request, WRITE_HEAD_LEN};
use super::record::{self, Teller};
use super::sectors::{Backing, Ciphers, View};

/// The largest payload of one request, and of what the kernel sends unless told otherwise.
pub(crate) const MAX_TRANSFER: usize = 1 << 20;
/// Asynchronous requests that the kernel keeps outstanding: enough for a loop device's whole queue.
const MAX_BACKGROUND: u16 = 128;
/// One mounted view.
pub(crate) struct Server<B> {
    device: Device,
    view: View<B>,
    teller: Teller,
    name: String,
    read_only: bool,
}

impl<B: Backing> Server<B> {
    /// Agrees with the kernel on version and limits. The view can be opened by others once this has returned and [`Server::run`] is called.
    ///
    /// # Errors
    /// `Unsupported` for a kernel that speaks another version; what the system says otherwise.
    pub(crate) fn start(
        device: Device,
        view: View<B>,
        teller: Teller,
        name: &str,
        read_only: bool,
    ) -> io::Result<Self> {
        let mut head = [0; WRITE_HEAD_LEN];
        let mut rest = AlignedBuffer::new(MAX_TRANSFER);
        let Received::Request(len) = device.receive(&mut head, &mut rest)? else {
            return Err(io::Error::other("unmounted before it was used"));
        };
        let request = parse(&head, &rest, len)?;
        let limits = Limits {
            max_transfer: MAX_TRANSFER,
            max_background: MAX_BACKGROUND,
        };
        let Some(answer) = Answer::init(request.unique, &request.operation, limits) else {
            device.answer(&Answer::status(request.unique, libc::EPROTO), &[])?;
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the kernel's FUSE is older than Linux 5.0",
            ));
        };
        device.answer(&answer, &[])?;
        Ok(Server {
            device,
            view,
            teller,
            name: name.to_owned(),
            read_only,
        })
    }

    /// Serves until the file system is unmounted, then syncs. On as many threads as the backing is best given requests at a time; each
    /// holds up to [`MAX_TRANSFER`] bytes of locked memory, once it has had so large a request.
    ///
    /// # Errors
    /// What made a worker stop, or the last sync fail.
    pub(crate) fn run(&self, key: &XtsKey) -> io::Result<()> {
        let devices = (1..self.view.requests_at_a_time())
            .map(|_| self.device.another())
            .collect::<io::Result<Vec<_>>>()?;
        let outcome = std::thread::scope(|scope| {
            let spawn = |device| {
                std::thread::Builder::new()
                    .name("kluis-fuse".to_owned())
                    .spawn_scoped(scope, move || self.work(device, key))
            };
            let threads = devices.iter().map(spawn).collect::<io::Result<Vec<_>>>()?;
            let own = self.work(&self.device, key);
            let panicked = || Err(io::Error::other("a worker panicked"));
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| panicked()))
                .fold(own, Result::and)
        });
        outcome.and(if self.read_only {
            Ok(())
        } else {
            self.view.sync()
        })
    }

    fn work(&self, device: &Device, key: &XtsKey) -> io::Result<()> {
        let mut worker = Worker {
            server: self,
            device,
            ciphers: Ciphers::new(key).map_err(io::Error::other)?,
            buffer: AlignedBuffer::new(self.view.read_buffer_len(MAX_TRANSFER)),
        };
        let mut head = [0; WRITE_HEAD_LEN];
        loop {
            match device.receive(&mut head, &mut worker.buffer[..MAX_TRANSFER])? {
                Received::Unmounted => return Ok(()),
                Received::Request(len) => worker.handle(&parse(&head, &worker.buffer, len)?)?,
            }
        }
    }

    fn attributes(&self) -> Attributes {
        let geometry = self.view.geometry();
        Attributes {
            len: geometry.len(),
            block_size: geometry.sector_size(),
            read_only: self.read_only,
        }
    }
}

fn parse(head: &[u8; WRITE_HEAD_LEN], rest: &[u8], len: usize) -> io::Result<Request> {
    let rest = rest
        .get(..len.saturating_sub(WRITE_HEAD_LEN))
        .unwrap_or(rest);
    Request::parse(&head[..len.min(WRITE_HEAD_LEN)], rest).map_err(io::Error::other)
}

/// One thread, with its own connection, ciphers and buffer.
struct Worker<'s, B> {
    server: &'s Server<B>,
    device: &'s Device,
    ciphers: Ciphers<'s>,
    buffer: AlignedBuffer,
}

impl<B: Backing> Worker<'_, B> {
    fn handle(&mut self, request: &Request) -> io::Result<()> {
        let unique = request.unique;
        let answer = match request.operation {
            Operation::Read { offset, len } => return self.read(unique, offset, len),
            Operation::Write { offset, len } => self.write(unique, offset, len),
            Operation::Fsync => self.sync(unique),
            Operation::Ioctl { command, room } => return self.ioctl(unique, command, room),
            Operation::GetAttr => Answer::attributes(unique, self.server.attributes()),
            Operation::StatFs => Answer::statfs(unique, self.server.attributes()),
            Operation::Open => Answer::open(unique),
            // Nothing is held back between requests, so there is nothing to do when a descriptor goes.
            Operation::Flush | Operation::Release | Operation::Destroy => Answer::status(unique, 0),
            Operation::SetAttr => Answer::status(unique, libc::EPERM),
            // A loop device sends "discard" and "write zeroes" as the same hole punch. Passed through, the second would read as noise.
            Operation::Fallocate => Answer::status(unique, libc::EOPNOTSUPP),
            Operation::Silent => return Ok(()),
            Operation::Init { .. } => Answer::status(unique, libc::EIO),
            Operation::Unknown(_) => Answer::status(unique, libc::ENOSYS),
        };
        self.device.answer(&answer, &[])
    }

    fn read(&mut self, unique: u64, offset: u64, len: usize) -> io::Result<()> {
        match self.server.view.read(
            &mut self.ciphers,
            &mut self.buffer,
            offset,
            len.min(MAX_TRANSFER),
        ) {
            Ok(plaintext) => self
                .device
                .answer(&Answer::data(unique, plaintext.len()), plaintext),
            Err(error) => {
                let failed = self.failed(unique, "read", offset, len, &error);
                self.device.answer(&failed, &[])
            }
        }
    }

    fn write(&mut self, unique: u64, offset: u64, len: usize) -> Answer {
        if self.server.read_only {
            return Answer::status(unique, libc::EROFS);
        }
        match self
            .server
            .view
            .write(&mut self.ciphers, &mut self.buffer[..len], offset)
        {
            Ok(0) if len > 0 => Answer::status(unique, libc::ENOSPC),
            Ok(written) => Answer::written(unique, written),
            Err(error) => self.failed(unique, "write", offset, len, &error),
        }
    }

    fn sync(&self, unique: u64) -> Answer {
        if self.server.read_only {
            return Answer::status(unique, 0);
        }
        match self.server.view.sync() {
            Ok(()) => Answer::status(unique, 0),
            Err(error) => {
                kmsg::error(&self.server.name, format_args!("sync failed: {error}"));
                Answer::status(unique, libc::EIO)
            }
        }
    }

    /// Asked for by who has lost the daemon's records; no loop device does that.
    fn ioctl(&self, unique: u64, command: u32, room: usize) -> io::Result<()> {
        let teller = &self.server.teller;
        let told = match command {
            record::TELL => teller.tell(),
            record::RECORD => teller.record().map(|()| Vec::new()),
            _ => Err(io::Error::from_raw_os_error(libc::ENOTTY)),
        };
        match told {
            Ok(text) if text.len() <= room => self
                .device
                .answer(&Answer::ioctl(unique, text.len()), &text),
            Ok(_) => self
                .device
                .answer(&Answer::status(unique, libc::EINVAL), &[]),
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                self.device.answer(&Answer::status(unique, errno), &[])
            }
        }
    }

    fn failed(
        &self,
        unique: u64,
        what: &str,
        offset: u64,
        len: usize,
        error: &io::Error,
    ) -> Answer {
        kmsg::error(
            &self.server.name,
            format_args!("{what} of {len} bytes at {offset} failed: {error}"),
        );
        Answer::status(unique, libc::EIO)
    }
}
