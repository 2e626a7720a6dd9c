// What ingot-translate does once its command line is read.
#pragma once

#include <string>
#include <vector>

struct TranslateOptions {
  std::string input, output = "-", paramsOut, entry = "main";
  std::vector<std::string> dims, inputShapes;
  bool locations = false;
};

/// Imports an ONNX file and writes the module as text, and its parameters if asked to. Returns the exit status.
int translateOnnx(const TranslateOptions &options);

/// Prints the table of supported ONNX operators.
int listOnnxOperators();
