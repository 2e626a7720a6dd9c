// ingot-translate: foreign formats into the `ingot` dialect, as text.
#include "Translate.h"

#include <CLI/CLI.hpp>

int main(int argc, char **argv) {
  CLI::App app("Translates models into the ingot dialect");
  TranslateOptions options;
  bool importOnnx = false, listOperators = false;
  app.add_option("input", options.input, "file to read");
  app.add_flag("--import-onnx", importOnnx, "read an ONNX model");
  app.add_flag("--list-onnx-operators", listOperators, "print the supported ONNX operators and exit");
  app.add_option("-o,--output", options.output, "file for the module's text, - for stdout")->capture_default_str();
  app.add_option("--params-out", options.paramsOut, "safetensors file for the parameters");
  app.add_option("--entry", options.entry, "name of the imported function")->capture_default_str();
  app.add_option("--dim", options.dims, "extent of a named dimension: NAME=N")->allow_extra_args(false);
  app.add_option("--input-shape", options.inputShapes, "shape of an input: NAME=1x128")->allow_extra_args(false);
  app.add_flag("--locations", options.locations, "print where each operation comes from");
  try {
    app.parse(argc, argv);
    if (!listOperators && !(importOnnx && !options.input.empty()))
      throw CLI::ValidationError("expects --import-onnx and a file");
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return listOperators ? listOnnxOperators() : translateOnnx(options);
}
