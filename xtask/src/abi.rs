//! include/seawall.abi.json: the header as data. Sizes, offsets and numbers are not computed here
//! but asked of the C compiler, by a small program that is made from the header.

use crate::declarations::Declarations;
use crate::{repo, run, toolchain};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::path::Path;

/// The text of `seawall.abi.json` for a header.
pub fn describe(header: &Path) -> Result<String, String> {
    let declared = Declarations::of(&repo::read(header)?)?;
    let measured = measure(header, &program(&declared))?;
    let document = document(&declared, &measured)?;
    serde_json::to_string_pretty(&document)
        .map(|text| text + "\n")
        .map_err(|error| error.to_string())
}

/// A C program that prints one line `what name... numbers` per fact.
fn program(declared: &Declarations) -> String {
    let mut c = String::from(
        "#include \"seawall.h\"\n#include <stddef.h>\n#include <stdio.h>\n\
         #define TEXT(name) printf(\"text %s %s\\n\", #name, name)\n\
         #define NUMBER(name) ((name) < 0 ? printf(\"number %s %lld\\n\", #name, (long long)(name)) \
         : printf(\"number %s %llu\\n\", #name, (unsigned long long)(name)))\n\
         #define TYPE(name) printf(\"type %s %zu %zu\\n\", #name, sizeof(name), _Alignof(name))\n\
         #define FIELD(name, field) printf(\"field %s %s %zu %zu\\n\", #name, #field, \
         offsetof(name, field), sizeof(((name *)0)->field))\n\
         int main(void) {\n",
    );
    // Writing to a String cannot fail.
    for name in &declared.constants {
        let verb = if name.ends_with("_TEXT") {
            "TEXT"
        } else {
            "NUMBER"
        };
        let _ = writeln!(c, "    {verb}({name});");
    }
    for name in declared
        .types
        .iter()
        .chain(declared.structs.iter().map(|one| &one.name))
    {
        let _ = writeln!(c, "    TYPE({name});");
    }
    for one in &declared.structs {
        for field in &one.fields {
            let _ = writeln!(c, "    FIELD({}, {});", one.name, field.name);
        }
    }
    c.push_str("    return 0;\n}\n");
    c
}

/// Compiles the program against the header and answers what it prints.
fn measure(header: &Path, program: &str) -> Result<String, String> {
    let cc = toolchain::cc().ok_or("no C compiler found; it is needed to measure the structs")?;
    let (source, binary) = (
        repo::target("seawall/measure.c"),
        repo::target("seawall/measure"),
    );
    repo::write(&source, program)?;
    let mut compile = run::command(cc);
    compile.arg("-std=c11").arg("-w");
    compile
        .arg("-I")
        .arg(header.parent().unwrap_or(Path::new(".")));
    compile.arg(&source).arg("-o").arg(&binary);
    run::output(compile)?;
    run::output(run::command(binary))
}

fn document(declared: &Declarations, measured: &str) -> Result<Value, String> {
    let (version, ..) = repo::version();
    let mut facts: Map<String, Value> = Map::new();
    for line in measured.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let key = |count: usize| {
            words
                .iter()
                .take(count)
                .copied()
                .collect::<Vec<_>>()
                .join(" ")
        };
        match words.as_slice() {
            ["text", _, ..] => {
                facts.insert(key(2), json!(words.get(2..).unwrap_or_default().join(" ")))
            }
            ["number", _, value] => facts.insert(key(2), number(value)?),
            ["type", _, size, align] => facts.insert(
                key(2),
                json!({ "size": number(size)?, "align": number(align)? }),
            ),
            ["field", _, _, offset, size] => facts.insert(
                key(3),
                json!({ "offset": number(offset)?, "size": number(size)? }),
            ),
            _ => return Err(format!("the measuring program printed `{line}`")),
        };
    }
    let fact = |key: String| {
        facts
            .get(&key)
            .cloned()
            .ok_or_else(|| format!("`{key}` was not measured"))
    };

    let mut structs = Map::new();
    for one in &declared.structs {
        let mut fields = Map::new();
        for field in &one.fields {
            let mut entry = fact(format!("field {} {}", one.name, field.name))?;
            entry["type"] = json!(field.kind);
            fields.insert(field.name.clone(), entry);
        }
        let mut entry = fact(format!("type {}", one.name))?;
        entry["fields"] = Value::Object(fields);
        structs.insert(one.name.clone(), entry);
    }
    let mut types = Map::new();
    for name in &declared.types {
        types.insert(name.clone(), fact(format!("type {name}"))?);
    }
    let mut constants = Map::new();
    for name in &declared.constants {
        let kind = if name.ends_with("_TEXT") {
            "text"
        } else {
            "number"
        };
        constants.insert(name.clone(), fact(format!("{kind} {name}"))?);
    }
    let functions: Map<String, Value> = declared
        .functions
        .iter()
        .map(|one| {
            let entry = json!({ "returns": one.returns, "parameters": one.parameters });
            (one.name.clone(), entry)
        })
        .collect();
    Ok(json!({
        "about": "What include/seawall.h declares, as data. Generated by `cargo xtask header`. \
                  Bytes; numbers above 2^53 are decimal strings.",
        "version": version,
        "types": types,
        "structs": structs,
        "constants": constants,
        "functions": functions,
    }))
}

/// A number as JSON. Readers that keep numbers as floats would lose digits above 2^53, so those
/// become text.
fn number(text: &str) -> Result<Value, String> {
    let value: i128 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    let fits = value.unsigned_abs() <= 1 << 53;
    match i64::try_from(value) {
        Ok(small) if fits => Ok(json!(small)),
        _ => Ok(json!(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_float_cannot_hold_are_text() {
        assert_eq!(number("-90"), Ok(json!(-90)));
        assert_eq!(
            number("9007199254740992"),
            Ok(json!(9_007_199_254_740_992_i64))
        );
        assert_eq!(
            number("18446744073709551615"),
            Ok(json!("18446744073709551615"))
        );
        assert!(number("six").is_err());
    }

    #[test]
    fn a_fact_that_was_not_measured_is_an_error() {
        let declared = Declarations {
            constants: vec!["SEAWALL_X".into()],
            ..Declarations::default()
        };
        assert!(document(&declared, "").is_err());
        let document = document(&declared, "number SEAWALL_X 3\n").expect("document");
        assert_eq!(document["constants"]["SEAWALL_X"], json!(3));
    }
}
