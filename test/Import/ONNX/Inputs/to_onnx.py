"""Turns ONNX text (the syntax of onnx.parser, # starts a comment) into a model file.

usage: to_onnx.py TEXT -o MODEL [--external NAME[=KEY:VALUE,...]] ...

A text with lines `# --- NAME` holds several models: MODEL is then a folder, and each model becomes NAME.onnx in it.

--external moves the raw data of an initialiser out of the file and writes MODEL.data beside it; KEY:VALUE entries then
replace the entries of its external data (location, offset, length).
"""

import argparse
import pathlib

import onnx
import onnx.parser
from onnx import TensorProto, numpy_helper


def move_out(model, path, spec):
    name, _, entries = spec.partition("=")
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    data = numpy_helper.to_array(tensor).tobytes()
    location = pathlib.Path(path).name + ".data"
    with open(pathlib.Path(path).with_name(location), "ab") as file:
        offset = file.tell()
        file.write(data)
    for field in ("raw_data", "float_data", "int64_data", "int32_data"):
        tensor.ClearField(field)
    tensor.data_location = TensorProto.EXTERNAL
    values = {"location": location, "offset": str(offset), "length": str(len(data))}
    values.update(entry.split(":", 1) for entry in entries.split(",") if entry)
    for key, value in values.items():
        if value != "none":
            tensor.external_data.add(key=key, value=value)


def write(lines, output, external):
    model = onnx.parser.parse_model("\n".join(lines))
    pathlib.Path(output + ".data").unlink(missing_ok=True)
    for spec in external:
        move_out(model, output, spec)
    onnx.save_model(model, output)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--external", action="append", default=[])
    args = parser.parse_args()
    sections = {args.output: []}
    current = sections[args.output]
    for line in pathlib.Path(args.text).read_text().splitlines():
        if line.startswith("# --- "):
            pathlib.Path(args.output).mkdir(exist_ok=True)
            current = sections[f"{args.output}/{line[6:]}.onnx"] = []
        elif not line.startswith("#") and line:
            current.append(line)
    for output, lines in sections.items():
        if lines:
            write(lines, output, args.external)


if __name__ == "__main__":
    main()
