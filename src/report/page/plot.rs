//! Geometry of the page's plots: from numbers to coordinates. The templates draw.

use std::fmt::Write;

use super::traffic::{Curve, Latency};

/// Coordinates of a plot's drawing area, in units of its view box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub width: f64,
    pub height: f64,
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// A label of an axis, where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    pub at: String,
    pub text: String,
}

/// A plot, ready to be drawn.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    pub frame: Frame,
    pub title: String,
    pub note: String,
    /// For those who can't see it.
    pub words: String,
    /// The path of a filled curve.
    pub area: String,
    pub bars: Vec<Bar>,
    pub x: Vec<Tick>,
    pub y: Vec<Tick>,
    /// A line that should not be crossed.
    pub limit: Option<Tick>,
    /// Lines across, from the bottom to the top.
    pub marks: Vec<Tick>,
}

/// A bar of a histogram, or a part of a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub class: &'static str,
    pub title: String,
}

impl Frame {
    /// Of a plot over the whole width.
    pub(super) const WIDE: Self = Self {
        width: 900.0,
        height: 190.0,
        left: 44.0,
        top: 14.0,
        right: 886.0,
        bottom: 162.0,
    };
    /// Of one among several.
    pub(super) const SMALL: Self = Self {
        width: 340.0,
        height: 150.0,
        left: 34.0,
        top: 12.0,
        right: 330.0,
        bottom: 122.0,
    };

    fn x(&self, part: f64) -> f64 {
        self.left + (self.right - self.left) * part
    }

    fn y(&self, part: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * part
    }

    /// Below the labels of the horizontal axis.
    pub(super) fn below(&self) -> String {
        short(self.bottom + 15.0)
    }
}

/// Which of a point's numbers is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drawn {
    /// Its busiest second.
    Most,
    /// Its mean second.
    Mean,
}

/// A curve of requests a second; `limit` is drawn as a line, and always in sight.
pub(super) fn curve(
    curve: &Curve,
    drawn: Drawn,
    frame: Frame,
    seconds: i64,
    limit: Option<u32>,
) -> Plot {
    let value = |point: &super::traffic::Point| match drawn {
        Drawn::Most => f64::from(point.most),
        Drawn::Mean => point.requests as f64 / curve.seconds as f64,
    };
    let most = curve.points.iter().map(value).fold(0.0, f64::max);
    let top = nice(most.max(f64::from(limit.unwrap_or(0)) * 1.12));
    let points = ((seconds + curve.seconds) / curve.seconds).max(1) as f64;
    let mut area = format!("M{} {}", short(frame.left), short(frame.bottom));
    for (i, point) in curve.points.iter().enumerate() {
        let (from, to) = (i as f64 / points, (i + 1) as f64 / points);
        let y = short(frame.y(value(point) / top));
        let (from, to) = (short(frame.x(from)), short(frame.x(to.min(1.0))));
        let _ = write!(area, "L{from} {y}H{to}");
    }
    let _ = write!(area, "V{}Z", short(frame.bottom));
    let all = points * curve.seconds as f64;
    Plot {
        frame,
        title: String::new(),
        note: String::new(),
        words: String::new(),
        area,
        bars: Vec::new(),
        x: seconds_axis(&frame, all),
        y: value_axis(&frame, top),
        limit: limit.map(|limit| Tick {
            at: short(frame.y(f64::from(limit) / top)),
            text: limit.to_string(),
        }),
        marks: Vec::new(),
    }
}

/// Bars of a histogram of latency.
pub(super) const LATENCY_BARS: usize = 36;

/// Replies by latency; most of them, with the slowest in the last bar.
pub(super) fn latency(of: &Latency, marks: &[(&str, u64)]) -> Plot {
    let frame = Frame::WIDE;
    let p99 = of.within(990).unwrap_or(1).max(1);
    let width_ms = (nice(p99 as f64 * 1.15) / LATENCY_BARS as f64)
        .ceil()
        .max(1.0) as u64;
    let counts = of.bars(LATENCY_BARS, width_ms);
    let top = nice(counts.iter().copied().max().unwrap_or(1) as f64);
    let step = 1.0 / LATENCY_BARS as f64;
    let bars = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let bars = bars.map(|(i, count)| {
        let y = frame.y(*count as f64 / top);
        let (from, to) = (i as u64 * width_ms, (i as u64 + 1) * width_ms);
        let span = match i + 1 == LATENCY_BARS {
            true => format!("≥ {from} ms: {count}"),
            false => format!("{from}–{to} ms: {count}"),
        };
        Bar {
            x: short(frame.x(i as f64 * step) + 1.0),
            y: short(y.min(frame.bottom - 1.0)),
            width: short((frame.right - frame.left) * step - 2.0),
            height: short((frame.bottom - y).max(1.0)),
            class: "fill",
            title: span,
        }
    });
    let all = (width_ms * LATENCY_BARS as u64) as f64;
    let marks = marks.iter().filter(|(_, ms)| (*ms as f64) < all);
    Plot {
        frame,
        title: String::new(),
        note: String::new(),
        words: String::new(),
        area: String::new(),
        bars: bars.collect(),
        x: steps(all, 6)
            .map(|ms| Tick {
                at: short(frame.x(ms / all)),
                text: format!("{ms:.0} ms"),
            })
            .collect(),
        y: value_axis(&frame, top),
        limit: None,
        marks: marks
            .map(|(name, ms)| Tick {
                at: short(frame.x(*ms as f64 / all)),
                text: (*name).to_owned(),
            })
            .collect(),
    }
}

/// Parts of a whole beside each other, in a band of 1,000 by 20.
pub(super) fn shares(parts: &[(u64, &'static str, String)]) -> Vec<Bar> {
    let all: u64 = parts.iter().map(|part| part.0).sum();
    let mut from = 0.0;
    let bars = parts.iter().filter(|part| part.0 > 0);
    bars.map(|(count, class, title)| {
        let width = *count as f64 * 1000.0 / all.max(1) as f64;
        let bar = Bar {
            x: short(from),
            y: "0".into(),
            // The smallest part is seen as well.
            width: short(width.max(2.0)),
            height: "20".into(),
            class,
            title: title.clone(),
        };
        from += width;
        bar
    })
    .collect()
}

fn seconds_axis(frame: &Frame, seconds: f64) -> Vec<Tick> {
    let count = if frame.width > 500.0 { 8 } else { 4 };
    let ticks = duration_steps(seconds, count);
    ticks
        .map(|s| Tick {
            at: short(frame.x(s / seconds)),
            text: elapsed(s as u64),
        })
        .collect()
}

fn value_axis(frame: &Frame, top: f64) -> Vec<Tick> {
    steps(top, 4)
        .map(|value| Tick {
            at: short(frame.y(value / top)),
            text: match top >= 4.0 {
                true => format!("{value:.0}"),
                false => short(value),
            },
        })
        .collect()
}

/// 0, a step, two steps … up to `top`, with at most `count` steps of 1, 2 or 5 times a power of ten.
fn steps(top: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = nice(top / count as f64).max(f64::MIN_POSITIVE);
    (0..=count)
        .map(move |n| n as f64 * step)
        .take_while(move |value| *value <= top * 1.001)
}

/// The same for times: of seconds, minutes, hours.
fn duration_steps(seconds: f64, count: usize) -> impl Iterator<Item = f64> {
    const STEPS: [f64; 16] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
        21_600.0, 86_400.0,
    ];
    let fits = |step: &&f64| seconds / **step <= count as f64;
    let step = STEPS.iter().find(fits).copied();
    let step = step.unwrap_or_else(|| nice(seconds / count as f64));
    (0..=count)
        .map(move |n| n as f64 * step)
        .take_while(move |value| *value <= seconds * 1.001)
}

/// The next of 1, 2, 5 times a power of ten that is not less.
fn nice(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let fits = |step: &f64| *step * power >= value * 0.9999;
    let step = [1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    step.into_iter().find(fits).unwrap_or(10.0) * power
}

/// Seconds as `0:05`, `2:00`, `1:00:00`.
pub(super) fn elapsed(seconds: u64) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match h {
        0 => format!("{m}:{s:02}"),
        _ => format!("{h}:{m:02}:{s:02}"),
    }
}

/// A coordinate with one place behind the point at most.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers_and_do_not_leave_their_frame() {
        for (value, want) in [
            (0.0, 1.0),
            (112.0, 125.0),
            (7.3, 8.0),
            (101.0, 125.0),
            (5.0, 5.0),
        ] {
            assert!(
                (nice(value) - want).abs() < 1e-9,
                "{value}: {}",
                nice(value)
            );
        }
        let all: Vec<f64> = steps(125.0, 4).collect();
        assert_eq!(all.first(), Some(&0.0));
        assert!(all.len() >= 3 && all.iter().all(|value| *value <= 125.2));
        let times: Vec<f64> = duration_steps(95.0, 8).collect();
        assert_eq!(times, [0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0]);
        assert_eq!(
            (elapsed(65), elapsed(3600)),
            ("1:05".into(), "1:00:00".into())
        );
    }

    #[test]
    fn shares_fill_the_band_and_the_smallest_is_seen() {
        let bars = shares(&[
            (999_999, "ok", "a".into()),
            (0, "wait", "b".into()),
            (1, "look", "c".into()),
        ]);
        assert_eq!(bars.len(), 2);
        assert_eq!((bars[0].x.as_str(), bars[1].width.as_str()), ("0", "2"));
    }
}
