//! From an expression's text to its parts. Recursion is bounded: the text is a caller's.

use crate::limits;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    /// Another query, by its id.
    Named(String),
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
    /// `[a, b]`.
    List(Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// The operators by how strongly they bind, weakest first; longer ones before those that begin them.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];

/// Parses the whole of a text.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser { rest: text };
    let expression = parser.level(0, 0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(found) => Err(format!("Unexpected '{found}'")),
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn eats(&mut self, token: &str) -> bool {
        self.peek();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expects(&mut self, token: &str) -> Result<(), String> {
        if self.eats(token) {
            return Ok(());
        }
        match self.peek() {
            Some(found) => Err(format!("Expected '{token}', found '{found}'")),
            None => Err(format!("Expected '{token}' at the end")),
        }
    }

    /// The longest start of the rest that is made of such characters.
    fn run(&mut self, of: fn(char) -> bool) -> &str {
        let end = self.rest.find(|c| !of(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    fn operator(&mut self, level: usize) -> Option<Operator> {
        let operators = LEVELS.get(level)?;
        let found = operators.iter().find(|(token, _)| self.eats(token))?;
        Some(found.1)
    }

    fn level(&mut self, level: usize, depth: usize) -> Result<Expression, String> {
        if level == LEVELS.len() {
            return self.unary(depth);
        }
        let mut left = self.level(level + 1, depth)?;
        while let Some(operator) = self.operator(level) {
            let right = self.level(level + 1, depth)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > limits::EXPRESSION_DEPTH {
            return Err("The expression is nested too deeply".to_owned());
        }
        if self.eats("-") {
            let inner = self.unary(depth + 1)?;
            return Ok(Expression::Negative(Box::new(inner)));
        }
        let base = self.primary(depth)?;
        if self.eats("^") {
            let power = self.unary(depth + 1)?;
            return Ok(Expression::Binary(
                Operator::Power,
                Box::new(base),
                Box::new(power),
            ));
        }
        Ok(base)
    }

    fn primary(&mut self, depth: usize) -> Result<Expression, String> {
        match self.peek() {
            Some('(') => {
                self.expects("(")?;
                let inner = self.level(0, depth + 1)?;
                self.expects(")")?;
                Ok(inner)
            }
            Some('[') => {
                self.expects("[")?;
                self.list("]", depth).map(Expression::List)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.name(depth),
            Some(found) => Err(format!("Unexpected '{found}'")),
            None => Err("The expression ends where a value is expected".to_owned()),
        }
    }

    fn list(&mut self, end: &str, depth: usize) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        if self.eats(end) {
            return Ok(items);
        }
        loop {
            items.push(self.level(0, depth + 1)?);
            if self.eats(end) {
                return Ok(items);
            }
            self.expects(",")?;
        }
    }

    fn number(&mut self) -> Result<Expression, String> {
        let text = self.run(|c| c.is_ascii_digit() || c == '.');
        let number = text
            .parse()
            .map_err(|_| format!("'{text}' is not a number"))?;
        Ok(Expression::Number(number))
    }

    fn name(&mut self, depth: usize) -> Result<Expression, String> {
        let name = self
            .run(|c| c.is_ascii_alphanumeric() || c == '_')
            .to_owned();
        if !self.eats("(") {
            return Ok(Expression::Named(name));
        }
        let arguments = self.list(")", depth)?;
        Ok(Expression::Call(name, arguments))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The expression with every pair of parentheses written out.
    fn written(expression: &Expression) -> String {
        let all = |items: &[Expression]| {
            let items: Vec<_> = items.iter().map(written).collect();
            items.join(",")
        };
        match expression {
            Expression::Number(number) => number.to_string(),
            Expression::Named(name) => name.clone(),
            Expression::Negative(inner) => format!("(-{})", written(inner)),
            Expression::Binary(operator, left, right) => {
                let symbol = LEVELS
                    .iter()
                    .copied()
                    .flatten()
                    .find(|(_, each)| each == operator);
                let symbol = symbol.map_or("^", |(symbol, _)| symbol);
                format!("({}{symbol}{})", written(left), written(right))
            }
            Expression::Call(name, arguments) => format!("{name}({})", all(arguments)),
            Expression::List(items) => format!("[{}]", all(items)),
        }
    }

    #[test]
    fn operators_bind_as_in_arithmetic() {
        for (text, expected) in [
            (
                "(usage_data/SERVICE_QUOTA(usage_data))*100",
                "((usage_data/SERVICE_QUOTA(usage_data))*100)",
            ),
            ("m1 + m2 * m3 - 4", "((m1+(m2*m3))-4)"),
            ("-m1^2", "(-(m1^2))"),
            ("2^-1", "(2^(-1))"),
            ("m1 > 5 && m2 <= .5 || m3", "(((m1>5)&&(m2<=0.5))||m3)"),
            ("MAX([m1, m2,3])", "MAX([m1,m2,3])"),
            ("METRICS()", "METRICS()"),
            ("IF(m1 != 0, m1, FILL(m2, 0))", "IF((m1!=0),m1,FILL(m2,0))"),
        ] {
            assert_eq!(written(&parse(text).unwrap()), expected);
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "", "m1 +", "(m1", "m1)", "1.2.3", "m1 m2", "MAX(m1,)", "$", "m1 % 2", "🔑",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&"-".repeat(100_000)).is_err());
        assert!(parse(&"2^".repeat(1000)).is_err());
        assert!(parse(&format!("m{}", "+m".repeat(1000))).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_text_like_an_expression_is_parsed_or_refused(text in r"(m1|[0-9]{1,2}|\+|-|\*|/|\^|\(|\)|\[|\]|,|MAX|<=|&&| ){0,24}") {
            if let Ok(expression) = parse(&text) {
                prop_assert_eq!(parse(&written(&expression)).unwrap(), expression);
            }
        }
    }
}
