// Helpers of the ONNX importer's tests: models built as messages, diagnostics collected.
#pragma once

#include "ingot/Import/ONNX.h"
#include "lib/Import/ONNX/OnnxProto.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

namespace ingot::testing {

/// A context that keeps error messages instead of printing them.
struct Diagnosed {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::string errors;
  mlir::ScopedDiagnosticHandler handler{&context, [this](mlir::Diagnostic &diagnostic) {
                                          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
                                            errors += diagnostic.str() + "\n";
                                          return mlir::success();
                                        }};

  std::unique_ptr<OnnxModel> parse(llvm::StringRef bytes, llvm::StringRef directory = "") {
    return OnnxModel::parse({bytes.data(), bytes.size()}, "model", directory, &context);
  }

  mlir::OwningOpRef<mlir::ModuleOp> emptyModule() {
    return mlir::OwningOpRef<mlir::ModuleOp>(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context)));
  }
};

/// One tensor type of a graph input or output; an extent of -1 is named "n".
inline void setType(onnx::ValueInfoProto &info, const std::string &name, std::vector<int64_t> shape,
                    int type = onnx::TensorProto::FLOAT) {
  info.set_name(name);
  auto *tensor = info.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape();
  for (int64_t extent : shape) {
    auto *dim = tensor->mutable_shape()->add_dim();
    if (extent == -1)
      dim->set_dim_param("n");
    else
      dim->set_dim_value(extent);
  }
}

/// A float initialiser with elements 0, 1, 2, ... as raw data.
inline onnx::TensorProto &addInitializer(onnx::ModelProto &model, const std::string &name, std::vector<int64_t> shape) {
  onnx::TensorProto &tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  size_t count = 1;
  for (int64_t extent : shape) {
    tensor.add_dims(extent);
    count *= extent;
  }
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(i);
  tensor.set_raw_data(values.data(), count * sizeof(float));
  return tensor;
}

inline onnx::NodeProto &addNode(onnx::ModelProto &model, const std::string &op, std::vector<std::string> inputs,
                                const std::string &output) {
  onnx::NodeProto &node = *model.mutable_graph()->add_node();
  node.set_op_type(op);
  for (const std::string &input : inputs)
    node.add_input(input);
  node.add_output(output);
  return node;
}

/// y = x * w with x, y [n, 4] and w [4, 4].
inline onnx::ModelProto linearModel() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  auto *opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(17);
  setType(*model.mutable_graph()->add_input(), "x", {-1, 4});
  setType(*model.mutable_graph()->add_output(), "y", {-1, 4});
  addInitializer(model, "w", {4, 4});
  addNode(model, "MatMul", {"x", "w"}, "y");
  return model;
}

} // namespace ingot::testing
