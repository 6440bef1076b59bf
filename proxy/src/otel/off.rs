//! In place of `otel` in a build without that feature: nothing, which the compiler removes.

mod facts;

use std::io;
use std::time::Duration;

use ringtail_net::{Problem, Shutdown};

use crate::clients::Client;
use crate::options::Options;
use crate::pending::Target;
use crate::see::Mark;
use crate::worker::Worker;

pub(crate) use facts::{Answered, Request, Sent, error_of};

pub(crate) struct Wishes;

impl Wishes {
    pub(crate) fn of(_: &Options) -> Result<Self, Problem> {
        Ok(Self)
    }

    pub(crate) fn start(self, _: &Shutdown, _: Duration) -> io::Result<Exporter> {
        Ok(Exporter)
    }
}

pub(crate) struct Exporter;

impl Exporter {
    pub(crate) fn sink(&self) -> Sink {
        Sink
    }

    pub(crate) fn finish(self) {}
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sink;

pub(crate) struct Traces;

impl Traces {
    pub(crate) fn new(_: &Sink) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn request<'a>(&self, _: impl FnOnce() -> Request<'a>) {}
}

/// Made by `default()`, as the other is; a unit would not be.
#[derive(Default)]
pub(crate) struct Samples {}

impl Samples {
    #[inline]
    pub(crate) fn note(&mut self, _: &Worker, _: &Target, _: impl FnOnce() -> Sent) {}

    #[inline]
    pub(crate) fn is_due(&self, _: u64) -> bool {
        false
    }

    #[inline]
    pub(crate) fn end<'a>(&mut self, _: &Worker, _: u64, _: impl FnOnce() -> Answered<'a>) {}

    #[inline]
    pub(crate) fn end_all<'a>(&mut self, _: &Worker, _: impl Fn(u64) -> Answered<'a>) {}
}

pub(crate) struct Gathered;

impl Gathered {
    #[inline]
    pub(crate) fn begin(_: &Worker) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn end(&self, _: &Worker, _: Mark, _: &Client, _: &[u8]) {}
}
