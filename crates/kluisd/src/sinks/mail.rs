//! Mail, by SMTP.

use anyhow::{Context as _, Result, ensure};
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use monitor::Notice;
use serde_json::Value;

/// A server, and who writes to whom.
pub(crate) struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mail {
    /// Mail through `server`: `smtps://host`, `smtp://host?tls=required`, or `smtp://host` without protection.
    ///
    /// # Errors
    /// The server or an address is not one.
    pub(crate) fn open(
        server: &str,
        from: &str,
        to: &[String],
        login: Option<(String, String)>,
    ) -> Result<Self> {
        let from = from
            .parse()
            .with_context(|| format!("from: {from} is no address"))?;
        ensure!(!to.is_empty(), "to: names nobody");
        let parse = |to: &String| {
            to.parse()
                .with_context(|| format!("to: {to} is no address"))
        };
        let to = to.iter().map(parse).collect::<Result<_>>()?;
        let mut server = AsyncSmtpTransport::<Tokio1Executor>::from_url(server)
            .with_context(|| format!("server: {server} is none"))?;
        if let Some((user, password)) = login {
            server = server.credentials(Credentials::new(user, password));
        }
        Ok(Self {
            server: server.build(),
            from,
            to,
        })
    }

    /// Sends a notice once.
    ///
    /// # Errors
    /// The server does not take it.
    pub(crate) async fn send(&self, notice: &Notice) -> Result<()> {
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(&*notice.subject)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let message = message.body(text(notice)?)?;
        self.server
            .send(message)
            .await
            .context("the mail was not taken")?;
        Ok(())
    }
}

/// The notice for a person: what happened, and then all of it.
fn text(notice: &Notice) -> Result<String> {
    let of = |name: &str| {
        notice
            .message
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    Ok(format!(
        "{}\n\n{}\n\nAlarm: {}\nAt: {}\n\n{}\n",
        notice.subject,
        of("NewStateReason"),
        of("AlarmArn"),
        of("StateChangeTime"),
        serde_json::to_string_pretty(&notice.message)?,
    ))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that takes one mail; what it was told.
    async fn take_one(listener: TcpListener) -> String {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (read, mut write) = socket.split();
        let mut lines = BufReader::new(read).lines();
        let (mut told, mut is_data) = (String::new(), false);
        write.write_all(b"220 mail ESMTP\r\n").await.unwrap();
        while let Some(line) = lines.next_line().await.unwrap() {
            told.extend([line.as_str(), "\n"]);
            let answer: &[u8] = match line.split(' ').next().unwrap_or_default() {
                "." => {
                    is_data = false;
                    b"250 taken\r\n"
                }
                _ if is_data => b"",
                "DATA" => {
                    is_data = true;
                    b"354 go on\r\n"
                }
                "QUIT" => break,
                _ => b"250 mail\r\n",
            };
            write.write_all(answer).await.unwrap();
            if told.ends_with("\n.\n") {
                break;
            }
        }
        told
    }

    #[tokio::test]
    async fn a_notice_is_mailed_to_everybody_with_its_reason() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("smtp://{}", listener.local_addr().unwrap());
        let to = ["ops@example.com", "Night <night@example.com>"].map(String::from);
        let mail = Mail::open(&server, "kluisd@example.com", &to, None).unwrap();
        let notice = Notice {
            id: "id".to_owned(),
            topic: "arn:aws:sns:us-east-1:111122223333:operators".to_owned(),
            subject: "ALARM: \"80threshold\" in us-east-1".to_owned(),
            message: json!({"NewStateReason": "Threshold Crossed", "AlarmArn": "arn:a"}),
            at: Timestamp::UNIX_EPOCH,
        };
        let (told, sent) = tokio::join!(take_one(listener), mail.send(&notice));
        sent.unwrap();
        for wanted in [
            "MAIL FROM:<kluisd@example.com>",
            "RCPT TO:<ops@example.com>",
            "RCPT TO:<night@example.com>",
            "Subject: ALARM: \"80threshold\" in us-east-1",
            "Threshold Crossed",
        ] {
            assert!(told.contains(wanted), "{wanted}: {told}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("smtp://{}", listener.local_addr().unwrap());
        drop(listener);
        let mail = Mail::open(
            &server,
            "a@example.com",
            &["b@example.com".to_owned()],
            None,
        );
        let notice = Notice {
            id: String::new(),
            topic: String::new(),
            subject: "s".to_owned(),
            message: Value::Null,
            at: Timestamp::UNIX_EPOCH,
        };
        assert!(mail.unwrap().send(&notice).await.is_err());
    }
}
