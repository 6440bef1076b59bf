//! rustls's errors in words that name the cause as the reader of a log would look for it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// A failed session as an IO error with a text that says whose fault it is.
pub(crate) fn tls_error(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Explained { text: explain(&error), error })
}

/// The same for an error that tokio-rustls has wrapped; others pass.
pub(crate) fn handshake_error(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return io::Error::new(error.kind(), "the peer closed the connection during the TLS handshake");
    }
    match rustls_error(&error) {
        Some(inner) => tls_error(inner),
        None => error,
    }
}

/// The rustls error inside, if that is what it is.
pub(crate) fn rustls_error(error: &io::Error) -> Option<Error> {
    let inner = error.get_ref()?;
    inner
        .downcast_ref::<Error>()
        .or_else(|| inner.downcast_ref::<Explained>().map(|explained| &explained.error))
        .cloned()
}

#[derive(Debug)]
struct Explained {
    text: String,
    error: Error,
}

impl std::fmt::Display for Explained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Explained {}

fn explain(error: &Error) -> String {
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "the peer does not speak TLS".into(),
        Error::NoCertificatesPresented => "the client sent no certificate, and one is required".into(),
        Error::InvalidCertificate(certificate) => explain_certificate(certificate),
        Error::AlertReceived(alert) => explain_alert(*alert),
        other => format!("TLS: {other}"),
    }
}

fn explain_certificate(error: &CertificateError) -> String {
    match error {
        // A bad signature: another CA of the same name, as after making a CA anew.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the peer's certificate was not signed by the CA that we trust".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the peer's certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the peer's certificate is not valid yet: compare the clocks".into()
        }
        other => format!("the peer's certificate was refused: {other}"),
    }
}

fn explain_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA | AlertDescription::DecryptError => {
            "the peer does not trust the CA of our certificate".into()
        }
        AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure => {
            format!("the peer refused the handshake ({alert:?}): it may want a client certificate")
        }
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            format!("the peer refused our certificate ({alert:?})")
        }
        AlertDescription::CertificateExpired => "the peer says that our certificate has expired".into(),
        other => format!("the peer ended TLS with the alert {other:?}"),
    }
}
