//! The terminal as a screen of our own, until this is dropped.

use std::io::{self, Write, stdin, stdout};
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use ringtail_net::Problem;
use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

use super::frame::Size;

/// The other screen, without a cursor and without wrapping.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

pub(super) struct Terminal {
    before: Termios,
    keys: mpsc::Receiver<u8>,
    ended: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    pub(super) fn enter() -> Result<Self, Problem> {
        let unusable = |error: io::Error| {
            Problem::new(
                format!("the terminal can't be used: {error}"),
                "send stdout to a file for one picture",
            )
        };
        let before = tcgetattr(stdin()).map_err(|error| unusable(error.into()))?;
        let mut raw = before.clone();
        raw.make_raw();
        // A read waits for a tenth of a second at most, so that the thread that reads can be ended.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 1;
        tcsetattr(stdin(), OptionalActions::Flush, &raw).map_err(|error| unusable(error.into()))?;
        restore_on_panic();
        let ended = Arc::new(AtomicBool::new(false));
        let (sender, keys) = mpsc::channel(16);
        // From here on dropping it puts all back.
        let mut terminal = Self { before, keys, ended, reader: None };
        let ended = terminal.ended.clone();
        let reader =
            std::thread::Builder::new().name("keys".into()).spawn(move || read_keys(&sender, &ended));
        terminal.reader = Some(reader.map_err(unusable)?);
        write(ENTER).map_err(unusable)?;
        Ok(terminal)
    }

    pub(super) fn size(&self) -> Size {
        let size = tcgetwinsize(stdout()).map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
        match size {
            Ok((width, height)) if width > 0 && height > 0 => Size { width, height },
            _ => Size { width: 80, height: 24 },
        }
    }

    /// The next byte that is typed; `None` when the terminal is gone.
    pub(super) async fn key(&mut self) -> Option<u8> {
        self.keys.recv().await
    }

    /// Shows these lines and nothing else, by one write.
    pub(super) fn draw(&self, lines: &[String]) -> Result<(), Problem> {
        let mut text = String::from("\x1b[H");
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                text += "\r\n";
            }
            text += line;
            text += "\x1b[K";
        }
        text += "\x1b[J";
        write(&text).map_err(|error| Problem::new(format!("the terminal is gone: {error}"), "open another"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Without the thread's end it would take what is typed next from whoever reads then.
        let _ = self.reader.take().map(JoinHandle::join);
        let _ = write(LEAVE);
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.before);
    }
}

fn read_keys(keys: &mpsc::Sender<u8>, ended: &AtomicBool) {
    let mut bytes = [0; 16];
    while !ended.load(Ordering::Acquire) {
        match rustix::io::read(stdin(), &mut bytes) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            // Arrows and their like begin with ESC and come in one piece: none of them is ours.
            Ok(read) if bytes[..read].starts_with(b"\x1b") => {}
            Ok(read) => bytes[..read].iter().for_each(|&key| _ = keys.try_send(key)),
            Err(_) => return,
        }
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What a panic says must not be lost with the screen.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = write(LEAVE);
            before(panic);
        }));
    });
}
