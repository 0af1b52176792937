//! regorus, set up as Trustee's policy engine sets it up: one module, data, input, one extension, strict errors of functions.
use crate::text;
use regorus::{Engine, Value as Rego};
use serde_json::{json, Value};

pub fn judge(question: &Value) -> Result<Value, String> {
    evaluate(question).map_err(|error| format!("{error:#}"))?
}

fn evaluate(question: &Value) -> anyhow::Result<Result<Value, String>> {
    let (policy, rule) = match (text(question, "policy"), text(question, "rule")) {
        (Ok(policy), Ok(rule)) => (policy, rule),
        (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
    };
    let mut engine = Engine::new();
    engine.add_policy(String::new(), policy.to_string())?;
    if let Some(data) = question.get("data") {
        engine.add_data_json(&data.to_string())?;
    }
    engine.set_input_json(&question.get("input").unwrap_or(&Value::Null).to_string())?;
    let values = question.get("values").cloned().unwrap_or(Value::Null);
    engine.add_extension(
        "query_reference_value".to_string(),
        1,
        Box::new(move |parameters: Vec<Rego>| {
            let id = parameters[0].as_string()?.to_string();
            match values.get(&id) {
                Some(value) => Rego::from_json_str(&value.to_string()),
                None => Ok(Rego::Null),
            }
        }),
    )?;
    match engine.eval_rule(rule.to_string())? {
        Rego::Undefined => Ok(Ok(json!({}))),
        value => {
            let value: Value = serde_json::from_str(&value.to_json_str()?)?;
            Ok(Ok(json!({ "value": value })))
        }
    }
}
