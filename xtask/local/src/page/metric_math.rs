//! The part of CloudWatch's metric math that the alarms use, for a single data point.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>

type Evaluation = Result<Option<f64>, String>;

/// Evaluates an expression. `metric` returns the value of an id, or `None` for missing data. Arithmetic
/// and comparisons treat missing data as 0.
///
/// # Errors
///
/// Fails if the expression uses a part of metric math that this module lacks.
pub(crate) fn evaluate(expression: &str, metric: &dyn Fn(&str) -> Option<f64>) -> Evaluation {
    let mut parser = Parser {
        rest: expression,
        metric,
    };
    let value = parser.comparison();
    if !parser.rest.trim().is_empty() {
        return Err(format!("could not parse {:?} in {expression}", parser.rest));
    }
    value
}

struct Parser<'a> {
    rest: &'a str,
    metric: &'a dyn Fn(&str) -> Option<f64>,
}

impl<'a> Parser<'a> {
    fn comparison(&mut self) -> Evaluation {
        let left = self.sum()?;
        for (operator, holds) in [
            (">=", f64::ge as fn(&f64, &f64) -> bool),
            ("<=", f64::le),
            (">", f64::gt),
            ("<", f64::lt),
        ] {
            if self.take(operator) {
                let (left, right) = (left.unwrap_or(0.0), self.sum()?.unwrap_or(0.0));
                return Ok(Some(if holds(&left, &right) { 1.0 } else { 0.0 }));
            }
        }
        Ok(left)
    }

    fn sum(&mut self) -> Evaluation {
        let mut left = self.product()?;
        loop {
            if self.take("+") {
                left = Some(left.unwrap_or(0.0) + self.product()?.unwrap_or(0.0));
            } else if self.take("-") {
                left = Some(left.unwrap_or(0.0) - self.product()?.unwrap_or(0.0));
            } else {
                return Ok(left);
            }
        }
    }

    fn product(&mut self) -> Evaluation {
        let mut left = self.atom()?;
        loop {
            if self.take("*") {
                left = Some(left.unwrap_or(0.0) * self.atom()?.unwrap_or(0.0));
            } else if self.take("/") {
                let divisor = self.atom()?.unwrap_or(0.0);
                // A division by zero drops the data point.
                left = (divisor != 0.0).then(|| left.unwrap_or(0.0) / divisor);
            } else {
                return Ok(left);
            }
        }
    }

    fn atom(&mut self) -> Evaluation {
        if self.take("(") {
            let value = self.comparison()?;
            self.expect(")")?;
            return Ok(value);
        }
        let word = self.word();
        if let Ok(number) = word.parse() {
            return Ok(Some(number));
        }
        match word {
            "FILL" => match self.arguments()?[..] {
                [value, filler] => Ok(value.or(filler)),
                _ => Err("FILL has two arguments".to_owned()),
            },
            "IF" => match self.arguments()?[..] {
                [condition, then, otherwise] => match condition {
                    Some(0.0) | None => Ok(otherwise),
                    Some(_) => Ok(then),
                },
                _ => Err("IF has three arguments".to_owned()),
            },
            "" => Err(format!("a value is missing at {:?}", self.rest)),
            id => Ok((self.metric)(id)),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Option<f64>>, String> {
        self.expect("(")?;
        let mut arguments = vec![self.comparison()?];
        while self.take(",") {
            arguments.push(self.comparison()?);
        }
        self.expect(")")?;
        Ok(arguments)
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = rest;
        word
    }

    /// Returns true if the token follows, and then moves past it.
    fn take(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            return Ok(());
        }
        Err(format!("{token} is missing at {:?}", self.rest))
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
        assert_eq!(evaluate(expression, &metric), Ok(expected), "{expression}");
    }
    for expression in [
        "a +", "(a", "IF(a, 1)", "FILL(a)", "AVG a", "a ) 1", "a % 2",
    ] {
        assert!(evaluate(expression, &metric).is_err(), "{expression}");
    }
}
