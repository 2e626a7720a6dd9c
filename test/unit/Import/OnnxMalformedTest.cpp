// Messages that ONNX's text syntax cannot write: each gives one clear diagnostic.
#include "ImportFixture.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::testing;
using onnx::TensorProto;

namespace {

/// Edits the linear model and returns the errors of reading and importing it; empty if there were none.
std::string errorsOf(llvm::function_ref<void(onnx::ModelProto &)> edit) {
  onnx::ModelProto proto = linearModel();
  edit(proto);
  Diagnosed d;
  auto model = d.parse(proto.SerializePartialAsString());
  if (!model)
    return d.errors;
  OnnxImportOptions options;
  for (const OnnxInput &input : model->inputs())
    for (const OnnxDim &dim : input.dims)
      if (!dim.name.empty())
        options.dims[dim.name] = 2;
  ParamStore params;
  auto module = d.emptyModule();
  bool done = succeeded(importOnnx(*model, *module, options, params));
  EXPECT_EQ(done, d.errors.empty()) << d.errors;
  return d.errors;
}

TensorProto &weights(onnx::ModelProto &model) { return *model.mutable_graph()->mutable_initializer(0); }

TEST(OnnxMalformed, TheUneditedModelIsFine) {
  EXPECT_EQ(errorsOf([](auto &) {}), "");
}

TEST(OnnxMalformed, NoGraph) {
  EXPECT_EQ(errorsOf([](auto &m) { m.clear_graph(); }), "has no graph: not an ONNX model, or a damaged one\n");
}

TEST(OnnxMalformed, NoOutputs) {
  EXPECT_EQ(errorsOf([](auto &m) { m.mutable_graph()->clear_output(); }), "has no outputs\n");
}

TEST(OnnxMalformed, NoOpset) {
  EXPECT_EQ(errorsOf([](auto &m) { m.clear_opset_import(); }),
            "imports no default operator set: not an ONNX model, or a damaged one\n");
  EXPECT_EQ(errorsOf([](auto &m) { m.mutable_opset_import(0)->set_version(INT64_MIN); }),
            "opset -9223372036854775808 is not supported yet, only 12 to 25 are\n");
}

TEST(OnnxMalformed, InitialiserExtents) {
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).set_dims(0, -4); }),
            "expects non-negative extents of initialiser 'w', but got -4\n");
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).set_dims(0, int64_t(1) << 60); }),
            "initialiser 'w' has more than 2^40 elements\n");
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).set_dims(0, int64_t(1) << 39); }),
            "initialiser 'w' has more than 2^40 elements\n");
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).set_dims(0, int64_t(1) << 36); }),
            "expects 1099511627776 bytes of data for initialiser 'w', but got 64\n");
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).set_dims(0, 3); }),
            "expects 48 bytes of data for initialiser 'w', but got 64\n");
}

TEST(OnnxMalformed, InputExtents) {
  auto dim = [](onnx::ModelProto &m) {
    return m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0);
  };
  EXPECT_EQ(errorsOf([&](auto &m) { dim(m)->set_dim_value(-7); }),
            "expects non-negative extents of input 'x', but got -7\n");
  EXPECT_EQ(
      errorsOf([&](auto &m) { dim(m)->set_dim_value(int64_t(1) << 60); }),
      "expects at most 2^40 elements and no negative extent for input 'x', but got shape 1152921504606846976x4\n");
}

TEST(OnnxMalformed, ElementTypes) {
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).set_data_type(1000); }),
            "initialiser 'w' has the unknown element type number 1000\n");
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).set_data_type(TensorProto::UNDEFINED); }),
            "initialiser 'w' has the unknown element type UNDEFINED\n");
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).set_data_type(TensorProto::STRING); }),
            "MatMul reads initialiser 'w', whose element type STRING is not supported yet\n");
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).set_data_type(TensorProto::INT32); }),
            "MatMul expects float operands of one element type, but got 'tensor<2x4xf32>' and 'tensor<4x4xi32>'\n");
  EXPECT_EQ(errorsOf([](auto &m) {
              m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(99);
            }),
            "element type number 99 of input 'x' is not supported yet\n");
  EXPECT_EQ(errorsOf([](auto &m) { m.mutable_graph()->mutable_input(0)->mutable_type()->mutable_sequence_type(); }),
            "expects input 'x' to be a tensor: other types are not supported yet\n");
}

TEST(OnnxMalformed, Names) {
  EXPECT_EQ(errorsOf([](auto &m) { *m.mutable_graph()->add_initializer() = weights(m); }),
            "has two initialisers named 'w'\n");
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).clear_name(); }), "has an initialiser without a name\n");
  EXPECT_EQ(errorsOf([](auto &m) { *m.mutable_graph()->add_input() = m.graph().input(0); }),
            "has two inputs named 'x'\n");
  EXPECT_EQ(errorsOf([](auto &m) { *m.mutable_graph()->add_output() = m.graph().output(0); }),
            "has two outputs named 'y'\n");
  EXPECT_EQ(errorsOf([](auto &m) { m.mutable_graph()->mutable_node(0)->set_output(0, "x"); }),
            "defines 'x', which is defined already\n");
  EXPECT_EQ(errorsOf([](auto &m) { m.mutable_graph()->mutable_node(0)->set_input(0, std::string("\x01\n\0", 3)); }),
            "uses '\\01\\0A\\00', which nothing defines\n");
}

TEST(OnnxMalformed, SelfReference) {
  EXPECT_EQ(errorsOf([](auto &m) { m.mutable_graph()->mutable_node(0)->set_input(0, "y"); }),
            "uses 'y', which is defined only by 'node 0': the graph has a cycle or is not sorted\n");
}

TEST(OnnxMalformed, WhatIsNotThereYet) {
  EXPECT_EQ(errorsOf([](auto &m) { m.mutable_graph()->add_sparse_initializer(); }),
            "sparse initialisers are not supported yet\n");
  EXPECT_EQ(errorsOf([](auto &m) { m.add_functions()->set_name("f"); }),
            "model-local functions (such as 'f') are not supported yet\n");
  EXPECT_EQ(errorsOf([](auto &m) { weights(m).mutable_segment()->set_begin(1); }),
            "initialiser 'w': segments are not supported yet\n");
}

TEST(OnnxMalformed, Attributes) {
  auto gather = [](onnx::ModelProto &m, llvm::function_ref<void(onnx::AttributeProto &)> edit) {
    onnx::NodeProto &node = addNode(m, "Softmax", {"y"}, "z");
    node.add_attribute()->set_name("axis");
    edit(*node.mutable_attribute(0));
  };
  EXPECT_EQ(errorsOf([&](auto &m) { gather(m, [](auto &a) { a.set_i(0); }); }),
            "Softmax expects attribute 'axis' of type INT, but got an unknown type\n");
  EXPECT_EQ(errorsOf([&](auto &m) {
              gather(m, [](auto &a) {
                a.set_type(onnx::AttributeProto::INT);
                a.set_i(INT64_MIN);
              });
            }),
            "Softmax expects an axis in [-2, 2), but got -9223372036854775808\n");
  EXPECT_EQ(errorsOf([&](auto &m) {
              gather(m, [](auto &a) { a.set_type(onnx::AttributeProto::INT); });
              *m.mutable_graph()->mutable_node(1)->add_attribute() = m.graph().node(1).attribute(0);
            }),
            "Softmax has the attribute 'axis' twice\n");
}

TEST(OnnxMalformed, UnknownEnumValueOfAnAttributeType) {
  // Field 20 (type) of the attribute with the value 77, which protobuf keeps as an unknown field.
  EXPECT_EQ(errorsOf([](auto &m) {
              auto &attribute = *addNode(m, "Softmax", {"y"}, "z").add_attribute();
              attribute.ParseFromString(std::string("\x0a\x04"
                                                    "axis\xa0\x01\x4d",
                                                    9));
            }),
            "Softmax expects attribute 'axis' of type INT, but got an unknown type\n");
}

TEST(OnnxMalformed, NestedSubgraphs) {
  // Each level is a graph in a node's attribute; protobuf refuses to recurse for ever.
  std::string nested;
  for (int level = 0; level < 10000; ++level) {
    auto wrap = [&](char tag) {
      std::string size;
      for (size_t n = nested.size(); size.empty() || n; n >>= 7)
        size += static_cast<char>((n & 127) | (n >> 7 ? 128 : 0));
      nested = tag + size + nested;
    };
    wrap(0x32); // AttributeProto.g
    wrap(0x2a); // NodeProto.attribute
    wrap(0x0a); // GraphProto.node
  }
  Diagnosed d;
  EXPECT_FALSE(d.parse("\x3a" + nested)); // not even a proper length
  std::string size;
  for (size_t n = nested.size(); size.empty() || n; n >>= 7)
    size += static_cast<char>((n & 127) | (n >> 7 ? 128 : 0));
  d.errors.clear();
  EXPECT_FALSE(d.parse("\x3a" + size + nested));
  EXPECT_EQ(d.errors, "cannot be parsed: not an ONNX model, or a truncated or damaged one\n");
}

TEST(OnnxMalformed, AllUnsupportedOperatorsAtOnce) {
  std::string errors = errorsOf([](auto &m) {
    for (int i = 0; i < 20; ++i)
      addNode(m, i % 2 ? "Loop" : "Scan", {"x"}, "o" + std::to_string(i)).set_name("n" + std::to_string(i));
  });
  EXPECT_NE(errors.find("Loop (10): 'n1', 'n3', 'n5', 'n7', 'n9', 'n11', 'n13', 'n15', ..."), std::string::npos)
      << errors;
  EXPECT_NE(errors.find("Scan (10): 'n0',"), std::string::npos) << errors;
}

TEST(OnnxMalformed, FoldingIsBounded) {
  // 2^20 elements multiplied by themselves a thousand times would take long to fold; past a budget it becomes
  // operations.
  EXPECT_EQ(errorsOf([](auto &m) {
              TensorProto &shape = *m.mutable_graph()->add_initializer();
              shape.set_name("shape");
              shape.set_data_type(TensorProto::INT64);
              shape.add_dims(1);
              shape.add_int64_data(1 << 20);
              addNode(m, "ConstantOfShape", {"shape"}, "c0");
              for (int i = 0; i < 1000; ++i)
                addNode(m, "Add", {"c" + std::to_string(i), "c" + std::to_string(i)}, "c" + std::to_string(i + 1));
            }),
            "");
}

} // namespace
