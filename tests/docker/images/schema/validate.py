"""Says of each TOML file in /files whether it is valid by /schema.json, which has to be a schema of 2020-12 itself."""

import json
import tomllib
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

schema = json.loads(Path("/schema.json").read_text())
assert validator_for(schema, default=None) is Draft202012Validator, "the schema does not say that it is of 2020-12"
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for file in sorted(Path("/files").iterdir()):
    faults = sorted({error.json_path for error in validator.iter_errors(tomllib.loads(file.read_text()))})
    print(file.name, "invalid: " + ", ".join(faults) if faults else "valid", flush=True)
