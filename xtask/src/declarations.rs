//! Reading what a C header of ours declares. This is no C parser: it knows the regular C that
//! cbindgen writes, and complains about the rest instead of passing over it.

/// What a header declares, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Declarations {
    /// Structs with a body.
    pub structs: Vec<Struct>,
    /// Other named types whose size is known: numbers and enums.
    pub types: Vec<String>,
    /// Numbers: macros without parameters, and members of enums.
    pub constants: Vec<String>,
    /// Functions.
    pub functions: Vec<Function>,
}

/// A struct and the names of its fields.
#[derive(Debug, PartialEq, Eq)]
pub struct Struct {
    /// Name of its typedef.
    pub name: String,
    /// Its fields in order.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its C type, `uint64_t` or `uint64_t[4]`.
    pub kind: String,
}

/// One function.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its symbol.
    pub name: String,
    /// Its C return type.
    pub returns: String,
    /// The C types of its parameters.
    pub parameters: Vec<String>,
}

impl Declarations {
    /// Reads a header.
    pub fn of(header: &str) -> Result<Declarations, String> {
        let mut found = Declarations::default();
        let text = without_comments(header);
        let mut code = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(directive) = line.trim_start().strip_prefix('#') else {
                code.push_str(line);
                code.push('\n');
                continue;
            };
            let mut directive = directive.trim().to_string();
            while let Some(cut) = directive.strip_suffix('\\') {
                directive = format!("{cut} {}", lines.next().unwrap_or_default().trim());
            }
            if let Some(name) = constant(&directive)
                && !found.constants.contains(&name)
            {
                found.constants.push(name);
            }
        }
        for statement in statements(&code) {
            found.take(&statement)?;
        }
        Ok(found)
    }

    fn take(&mut self, statement: &str) -> Result<(), String> {
        let statement = statement
            .strip_prefix("extern \"C\"")
            .unwrap_or(statement)
            .trim();
        let words: Vec<&str> = statement.split_whitespace().collect();
        let is_type = words.first() == Some(&"typedef");
        let body = statement.split_once('{').and_then(|(head, rest)| {
            rest.rsplit_once('}')
                .map(|(body, tail)| (head.trim(), body, tail.trim()))
        });
        match body {
            Some((head, body, tail)) if head.contains("enum") => {
                self.constants.extend(
                    body.split(',')
                        .filter_map(|member| member.split('=').next())
                        .map(|name| name.trim().to_string())
                        .filter(|name| !name.is_empty()),
                );
                if is_type && !tail.is_empty() {
                    self.types.push(tail.to_string());
                }
            }
            Some((head, body, tail)) if head.contains("struct") => {
                let name = if tail.is_empty() {
                    head.split_whitespace().last()
                } else {
                    Some(tail)
                };
                let name = name.unwrap_or_default().to_string();
                let fields: Result<Vec<Field>, String> = body
                    .split(';')
                    .map(str::trim)
                    .filter(|field| !field.is_empty())
                    .map(field)
                    .collect();
                let fields = fields.map_err(|why| format!("{name}: {why}"))?;
                self.structs.push(Struct { name, fields });
            }
            Some((head, ..)) => return Err(format!("cannot read the declaration `{head}`")),
            None if is_type => {
                // `typedef struct x x;` is an opaque type: nobody outside knows its size.
                let is_opaque = words.get(1) == Some(&"struct");
                let is_function = statement.contains('(');
                if !is_opaque && !is_function {
                    self.types.extend(words.last().map(ToString::to_string));
                }
            }
            None if statement.contains('(') => self.functions.push(function(statement)?),
            None if words.first() == Some(&"struct") || words.first() == Some(&"enum") => {}
            None => return Err(format!("cannot read the declaration `{statement}`")),
        }
        Ok(())
    }
}

/// The name of a macro that stands for a value: `define SEAWALL_X 3`, but no macro with parameters,
/// no initialiser, no include guard and nothing that stands for words of the language.
fn constant(directive: &str) -> Option<String> {
    let rest = directive.strip_prefix("define")?.trim_start();
    let (name, value) = rest.split_once(char::is_whitespace)?;
    let value = value.trim();
    let is_number_like = value
        .starts_with(|first: char| first.is_ascii_digit() || "(-+".contains(first))
        || value.starts_with("UINT")
        || value.starts_with("INT")
        || value.starts_with("SEAWALL_");
    let is_text = value.starts_with('"');
    let is_ours = name.starts_with("SEAWALL_") && !name.contains('(') && !name.ends_with("_INIT");
    (is_ours && (is_number_like || is_text)).then(|| name.to_string())
}

/// The statements outside of any braces, with the language-linkage block taken off.
fn statements(code: &str) -> Vec<String> {
    let code = code.replace("extern \"C\" {", "");
    let mut found = Vec::new();
    let mut statement = String::new();
    let mut depth = 0_usize;
    for letter in code.chars() {
        match letter {
            '{' => depth += 1,
            // The brace that closes the linkage block has no partner left.
            '}' if depth == 0 => continue,
            '}' => depth -= 1,
            ';' if depth == 0 => {
                found.push(statement.split_whitespace().collect::<Vec<_>>().join(" "));
                statement.clear();
                continue;
            }
            _ => {}
        }
        statement.push(letter);
    }
    found.retain(|statement| !statement.is_empty());
    found
}

fn field(text: &str) -> Result<Field, String> {
    if text.contains('(') {
        // `void (*wake)(void *)`
        let name = text
            .split_once("(*")
            .and_then(|(_, rest)| rest.split(')').next());
        return match name {
            Some(name) => Ok(Field {
                name: name.to_string(),
                kind: text.replacen(name, "", 1),
            }),
            None => Err(format!("cannot read the field `{text}`")),
        };
    }
    let (declared, array) = match text.split_once('[') {
        Some((declared, array)) => (declared, format!("[{array}")),
        None => (text, String::new()),
    };
    let (kind, name) =
        split_name(declared).ok_or_else(|| format!("cannot read the field `{text}`"))?;
    Ok(Field {
        name,
        kind: format!("{kind}{array}"),
    })
}

fn function(statement: &str) -> Result<Function, String> {
    let unreadable = || format!("cannot read the function `{statement}`");
    let (head, rest) = statement.split_once('(').ok_or_else(unreadable)?;
    let (parameters, _) = rest.rsplit_once(')').ok_or_else(unreadable)?;
    let (returns, name) = split_name(head).ok_or_else(unreadable)?;
    let returns: Vec<&str> = returns
        .split_whitespace()
        .filter(|word| !word.starts_with("SEAWALL_"))
        .collect();
    let parameters = match parameters.trim() {
        "" | "void" => Vec::new(),
        some => some
            .split(',')
            .map(|one| field(one.trim()).map(|field| field.kind))
            .collect::<Result<_, _>>()?,
    };
    Ok(Function {
        name,
        returns: returns.join(" "),
        parameters,
    })
}

/// Cuts `const seawall_permit_t *permit` into the type and the name.
fn split_name(declared: &str) -> Option<(String, String)> {
    let declared = declared.trim();
    let start = declared.rfind(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    let (kind, name) = declared.split_at_checked(start.checked_add(1)?)?;
    let kind = kind
        .split_whitespace()
        .filter(|word| *word != "struct" && *word != "enum");
    (!name.is_empty()).then(|| (kind.collect::<Vec<_>>().join(" "), name.to_string()))
}

fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    loop {
        let block = rest.find("/*");
        let line = rest.find("//");
        match (block, line) {
            (Some(block), line) if line.is_none_or(|line| block < line) => {
                let (before, after) = rest.split_at(block);
                kept.push_str(before);
                kept.push(' ');
                rest = after.split_once("*/").map_or("", |(_, after)| after);
            }
            (_, Some(line)) => {
                let (before, after) = rest.split_at(line);
                kept.push_str(before);
                rest = after.find('\n').map_or("", |end| after.split_at(end).1);
            }
            _ => {
                kept.push_str(rest);
                return kept;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"
/* Generated; not { to } be ( edited; */
#ifndef SEAWALL_H
#define SEAWALL_H
#include <stdint.h>
#define SEAWALL_API __attribute__((visibility("default")))
#define SEAWALL_ALIGNED(n) alignas(n)
#define SEAWALL_BREAKER_CONFIG_INIT { (uint32_t)sizeof(seawall_breaker_config_t), 5u }
#define SEAWALL_VERSION_TEXT "0.1.0"
#define SEAWALL_BREAKER_BYTES 256
#define SEAWALL_ERROR_NULL -1
#define SEAWALL_MAX \
    UINT64_MAX
#ifdef __cplusplus
extern "C" {
#endif  // __cplusplus
typedef int32_t seawall_status_t;
enum seawall_mode { SEAWALL_MODE_ENFORCE = 0, SEAWALL_MODE_SHADOW = 1, };
typedef struct seawall_limiter_t seawall_limiter_t;
/** A permit; it is { small }. */
typedef struct SEAWALL_ALIGNED(8) seawall_permit_t {
    /** Where it came from. */
    uint64_t words[4];
    const struct seawall_limiter_t *owner; // whose
    void (*wake)(void *context);
} seawall_permit_t;
SEAWALL_API SEAWALL_NODISCARD
seawall_status_t seawall_breaker_try_acquire(const struct seawall_breaker_t *breaker,
                                             uint64_t now_ns);
SEAWALL_API const char *seawall_status_text(seawall_status_t status);
SEAWALL_API uintptr_t seawall_breaker_bytes(void);
#ifdef __cplusplus
}  // extern "C"
#endif
#endif
"#;

    #[test]
    fn everything_that_a_header_declares_is_found() {
        let found = Declarations::of(HEADER).expect("header");
        let field = |name: &str, kind: &str| Field {
            name: name.into(),
            kind: kind.into(),
        };
        assert_eq!(
            found.structs,
            [Struct {
                name: "seawall_permit_t".into(),
                fields: vec![
                    field("words", "uint64_t[4]"),
                    field("owner", "const seawall_limiter_t *"),
                    field("wake", "void (*)(void *context)"),
                ],
            }]
        );
        assert_eq!(found.types, ["seawall_status_t"]);
        assert_eq!(
            found.constants,
            [
                "SEAWALL_VERSION_TEXT",
                "SEAWALL_BREAKER_BYTES",
                "SEAWALL_ERROR_NULL",
                "SEAWALL_MAX",
                "SEAWALL_MODE_ENFORCE",
                "SEAWALL_MODE_SHADOW",
            ]
        );
        let names: Vec<&str> = found
            .functions
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "seawall_breaker_try_acquire",
                "seawall_status_text",
                "seawall_breaker_bytes"
            ]
        );
        assert_eq!(found.functions[0].returns, "seawall_status_t");
        assert_eq!(
            found.functions[0].parameters,
            ["const seawall_breaker_t *", "uint64_t"]
        );
        assert_eq!(found.functions[1].returns, "const char *");
        assert_eq!(found.functions[2].parameters, [""; 0]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let error = Declarations::of("union seawall_word { int a; };").expect_err("a union");
        assert!(error.contains("union seawall_word"), "{error}");
    }
}
