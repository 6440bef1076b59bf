//! Which keys are asked for how often.

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;

/// The exponent of YCSB, and of much that was measured of caches.
const ZIPF_EXPONENT: f64 = 0.99;
/// Draws beyond three sigma are drawn again.
const GAUSS_SIGMAS: f64 = 6.0;

/// A distribution, as `--keys-from` names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spread {
    Uniform,
    /// The n-th key by 1 / n^exponent.
    Zipf(f64),
    /// Around the middle key, with this sigma in keys; `None` is a sixth of them.
    Gauss(Option<f64>),
}

impl FromStr for Spread {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(positive(number)?)),
            None => (text, None),
        };
        match (name, number) {
            ("uniform", None) => Ok(Self::Uniform),
            ("zipf", exponent) => Ok(Self::Zipf(exponent.unwrap_or(ZIPF_EXPONENT))),
            ("gauss", sigma) => Ok(Self::Gauss(sigma)),
            _ => Err("write uniform, zipf, zipf:EXPONENT, gauss or gauss:SIGMA".into()),
        }
    }
}

/// As it can be written.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
            Self::Gauss(None) => f.write_str("gauss"),
            Self::Gauss(Some(sigma)) => write!(f, "gauss:{sigma}"),
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0);
    number.ok_or_else(|| format!("'{text}' is no number above 0"))
}

/// Draws numbers of keys.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keys {
    Uniform(u64),
    Zipf(Zipf),
    Gauss { keys: f64, sigma: f64 },
}

impl Keys {
    /// Draws from `0..keys`, of which there is one at least.
    pub(super) fn new(spread: Spread, keys: u64) -> Self {
        match spread {
            Spread::Uniform => Self::Uniform(keys),
            Spread::Zipf(exponent) => Self::Zipf(Zipf::new(keys as f64, exponent)),
            Spread::Gauss(sigma) => {
                let keys = keys as f64;
                Self::Gauss { keys, sigma: sigma.unwrap_or(keys / GAUSS_SIGMAS) }
            }
        }
    }

    #[inline]
    pub(super) fn draw(&self, random: &mut Rng) -> u64 {
        match self {
            Self::Uniform(keys) => random.u64(..keys),
            Self::Zipf(zipf) => zipf.draw(random),
            Self::Gauss { keys, sigma } => loop {
                let at = keys / 2.0 + normal(random) * sigma;
                if (0.0..*keys).contains(&at) {
                    return at as u64;
                }
            },
        }
    }
}

/// A draw of the normal distribution, by Marsaglia's polar method.
fn normal(random: &mut Rng) -> f64 {
    loop {
        let (x, y) = (random.f64() * 2.0 - 1.0, random.f64() * 2.0 - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * square.ln() / square).sqrt();
        }
    }
}

/// Zipf's law without a table, whatever the number of keys: rejection-inversion after Hörmann and Derflinger (1996). A draw is
/// taken of the area below a curve that lies above the steps of the law, and refused if it falls between the two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zipf {
    keys: f64,
    exponent: f64,
    /// The area up to the first step, and up to the last.
    first: f64,
    last: f64,
    /// Draws that are nearer to their step than this need no look at the curve.
    near: f64,
}

impl Zipf {
    fn new(keys: f64, exponent: f64) -> Self {
        let mut zipf = Self { keys, exponent, first: 0.0, last: 0.0, near: 0.0 };
        zipf.first = zipf.area(1.5) - 1.0;
        zipf.last = zipf.area(keys + 0.5);
        zipf.near = 2.0 - zipf.place(zipf.area(2.5) - zipf.height(2.0));
        zipf
    }

    fn draw(&self, random: &mut Rng) -> u64 {
        loop {
            let area = self.last + random.f64() * (self.first - self.last);
            let place = self.place(area);
            let step = place.round().clamp(1.0, self.keys);
            if step - place <= self.near || area >= self.area(step + 0.5) - self.height(step) {
                return step as u64 - 1;
            }
        }
    }

    fn height(&self, place: f64) -> f64 {
        place.powf(-self.exponent)
    }

    /// The integral of `height` from 1.
    fn area(&self, place: f64) -> f64 {
        let (log, rest) = (place.ln(), 1.0 - self.exponent);
        // The limit, and what is near enough to it that the division would lose all digits.
        if rest.abs() < 1e-9 { log } else { (rest * log).exp_m1() / rest }
    }

    /// The inverse of `area`.
    fn place(&self, area: f64) -> f64 {
        let rest = 1.0 - self.exponent;
        if rest.abs() < 1e-9 { area.exp() } else { ((area * rest).max(-1.0).ln_1p() / rest).exp() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u64 = 200_000;

    /// How often each key was drawn.
    fn counts(spread: &str, keys: u64) -> Vec<u64> {
        let (keys_from, mut random) = (Keys::new(spread.parse().unwrap(), keys), Rng::with_seed(7));
        let mut counts = vec![0; keys as usize];
        (0..DRAWS).for_each(|_| counts[keys_from.draw(&mut random) as usize] += 1);
        counts
    }

    /// The chi-square statistic of the counts against these shares, for each degree of freedom: about 1 if they fit.
    fn misfit(counts: &[u64], share: impl Fn(f64) -> f64) -> f64 {
        let whole: f64 = (0..counts.len()).map(|key| share(key as f64)).sum();
        let off = |(key, &n): (usize, &u64)| {
            let expected = share(key as f64) / whole * DRAWS as f64;
            (n as f64 - expected).powi(2) / expected
        };
        counts.iter().enumerate().map(off).sum::<f64>() / (counts.len() - 1) as f64
    }

    #[test]
    fn each_distribution_has_its_shape() {
        // With 99 degrees of freedom chi-square is below 1.4 times their number in 99.5 % of all runs; the seed is fixed.
        assert!(misfit(&counts("uniform", 100), |_| 1.0) < 1.4);
        for exponent in [0.5, 0.99, 1.0, 1.3, 2.0] {
            let counts = counts(&format!("zipf:{exponent}"), 100);
            let fit = misfit(&counts, |key| (key + 1.0).powf(-exponent));
            assert!(fit < 1.4, "zipf:{exponent}: {fit}");
        }
        let bell = |key: f64| (-((key + 0.5 - 50.0) / 10.0).powi(2) / 2.0).exp();
        let middle = &counts("gauss:10", 100)[20..80];
        assert!(misfit(middle, |key| bell(key + 20.0)) < 1.6);
        // The test can fail.
        assert!(misfit(&counts("zipf:0.9", 100), |key| (key + 1.0).powf(-0.99)) > 10.0);
        assert!(misfit(&counts("uniform", 100), bell) > 10.0);
    }

    #[test]
    fn gauss_has_its_moments() {
        let counts = counts("gauss", 600);
        let mean = counts.iter().zip(0..).map(|(&n, key)| (n * key) as f64).sum::<f64>() / DRAWS as f64;
        let square = |(&n, key): (&u64, u64)| n as f64 * (key as f64 - mean).powi(2);
        let sigma = (counts.iter().zip(0..).map(square).sum::<f64>() / DRAWS as f64).sqrt();
        assert!((mean - 299.5).abs() < 1.0, "{mean}");
        // A sixth of 600, and a little less for what lies beyond three sigma and is drawn again.
        assert!((97.0..100.0).contains(&sigma), "{sigma}");
    }

    #[test]
    fn few_and_many_keys_are_drawn_within_their_number() {
        for spread in ["uniform", "zipf", "zipf:1", "zipf:20", "gauss", "gauss:0.01", "gauss:1000"] {
            for keys in [1, 2, 1_000_000_000_000] {
                let (keys_from, mut random) = (Keys::new(spread.parse().unwrap(), keys), Rng::with_seed(1));
                assert!((0..1000).all(|_| keys_from.draw(&mut random) < keys), "{spread} of {keys}");
            }
        }
    }

    #[test]
    fn wrong_names_and_numbers_are_refused() {
        for text in ["", "even", "uniform:1", "zipf:", "zipf:0", "zipf:-1", "gauss:nan", "zipf:inf"] {
            assert!(text.parse::<Spread>().is_err(), "{text}");
        }
    }
}
