//! The part of CloudWatch's metric math that the alarms use, for a single data point.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>

/// Evaluates an expression. `metric` returns the value of an id, or `None` for missing data,
/// which arithmetic and comparisons treat as 0.
pub(crate) fn evaluate(expression: &str, metric: &dyn Fn(&str) -> Option<f64>) -> Option<f64> {
    let mut parser = Parser {
        rest: expression,
        metric,
    };
    let value = parser.comparison();
    assert_eq!(parser.rest.trim(), "", "in {expression}");
    value
}

struct Parser<'a> {
    rest: &'a str,
    metric: &'a dyn Fn(&str) -> Option<f64>,
}

impl Parser<'_> {
    fn comparison(&mut self) -> Option<f64> {
        let left = self.sum();
        for (operator, holds) in [
            (">=", f64::ge as fn(&f64, &f64) -> bool),
            ("<=", f64::le),
            (">", f64::gt),
            ("<", f64::lt),
        ] {
            if self.takes(operator) {
                let (left, right) = (left.unwrap_or(0.0), self.sum().unwrap_or(0.0));
                return Some(if holds(&left, &right) { 1.0 } else { 0.0 });
            }
        }
        left
    }

    fn sum(&mut self) -> Option<f64> {
        let mut left = self.product();
        loop {
            if self.takes("+") {
                left = Some(left.unwrap_or(0.0) + self.product().unwrap_or(0.0));
            } else if self.takes("-") {
                left = Some(left.unwrap_or(0.0) - self.product().unwrap_or(0.0));
            } else {
                return left;
            }
        }
    }

    fn product(&mut self) -> Option<f64> {
        let mut left = self.atom();
        loop {
            if self.takes("*") {
                left = Some(left.unwrap_or(0.0) * self.atom().unwrap_or(0.0));
            } else if self.takes("/") {
                let divisor = self.atom().unwrap_or(0.0);
                // A division by zero drops the data point.
                left = (divisor != 0.0).then(|| left.unwrap_or(0.0) / divisor);
            } else {
                return left;
            }
        }
    }

    fn atom(&mut self) -> Option<f64> {
        if self.takes("(") {
            let value = self.comparison();
            self.expect(")");
            return value;
        }
        let word = self.word();
        if let Ok(number) = word.parse() {
            return Some(number);
        }
        match &*word {
            "FILL" => match self.arguments()[..] {
                [value, filler] => value.or(filler),
                _ => panic!("FILL has two arguments"),
            },
            "IF" => match self.arguments()[..] {
                [condition, then, otherwise] => match condition {
                    Some(0.0) | None => otherwise,
                    Some(_) => then,
                },
                _ => panic!("IF has three arguments"),
            },
            id => (self.metric)(id),
        }
    }

    fn arguments(&mut self) -> Vec<Option<f64>> {
        self.expect("(");
        let mut arguments = vec![self.comparison()];
        while self.takes(",") {
            arguments.push(self.comparison());
        }
        self.expect(")");
        arguments
    }

    fn word(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        assert!(!word.is_empty(), "nothing to read at {:?}", self.rest);
        self.rest = rest;
        word.to_owned()
    }

    fn takes(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) {
        assert!(self.takes(token), "no {token} at {:?}", self.rest);
    }
}

#[test]
fn expressions_have_the_documented_values() {
    let metric = |id: &str| match id {
        "a" => Some(30.0),
        "zero" => Some(0.0),
        _ => None,
    };
    for (expression, expected) in [
        ("2 + 3 * 4 - 1", Some(13.0)),
        ("100 * (a - 10) / 40", Some(50.0)),
        ("a - missing", Some(30.0)),
        ("missing", None),
        ("FILL(missing, 7)", Some(7.0)),
        ("FILL(a, 7)", Some(30.0)),
        ("a / zero", None),
        ("IF(a >= 30, 1, 2)", Some(1.0)),
        ("IF(a > 30, a / zero, 0)", Some(0.0)),
        ("IF(missing < 1, 5, 6)", Some(5.0)),
    ] {
        assert_eq!(evaluate(expression, &metric), expected, "{expression}");
    }
}
