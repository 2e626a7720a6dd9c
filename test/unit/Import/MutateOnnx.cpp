#include "MutateOnnx.h"

#include "lib/Import/ONNX/OnnxProto.h"

#include <algorithm>
#include <vector>

using namespace ingot::testing;

std::string ingot::testing::mutateBytes(std::string bytes, Random &random) {
  for (size_t edits = 1 + below(random, 4); edits > 0 && !bytes.empty(); --edits) {
    size_t at = below(random, bytes.size()), length = 1 + below(random, std::min<size_t>(32, bytes.size() - at));
    switch (below(random, 6)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(random, 8)));
      break;
    case 1:
      bytes[at] = static_cast<char>(random());
      break;
    case 2:
      bytes.erase(at, length);
      break;
    case 3:
      bytes.insert(at, bytes.substr(at, length));
      break;
    case 4:
      bytes.insert(at, std::string(length, static_cast<char>(0xff)));
      break;
    default:
      bytes.resize(at);
    }
  }
  return bytes;
}

namespace {

constexpr const char *kOps[] = {"Add",
                                "Attention",
                                "Cast",
                                "Clip",
                                "Concat",
                                "Constant",
                                "ConstantOfShape",
                                "Div",
                                "Dropout",
                                "Equal",
                                "Expand",
                                "Flatten",
                                "Gather",
                                "Gemm",
                                "Identity",
                                "LayerNormalization",
                                "MatMul",
                                "Mod",
                                "Mul",
                                "Pow",
                                "Range",
                                "ReduceMean",
                                "ReduceSum",
                                "Reshape",
                                "RMSNormalization",
                                "RotaryEmbedding",
                                "Shape",
                                "Sigmoid",
                                "Size",
                                "Slice",
                                "Softmax",
                                "Split",
                                "Squeeze",
                                "Sum",
                                "Tile",
                                "Transpose",
                                "Trilu",
                                "Unsqueeze",
                                "Where",
                                "NoSuchOperator"};

int64_t oddNumber(Random &random) {
  static constexpr int64_t numbers[] = {0,
                                        1,
                                        -1,
                                        2,
                                        3,
                                        4,
                                        5,
                                        7,
                                        8,
                                        16,
                                        -2,
                                        64,
                                        1 << 20,
                                        int64_t(1) << 31,
                                        int64_t(1) << 40,
                                        int64_t(1) << 60,
                                        INT64_MAX,
                                        INT64_MIN};
  return numbers[below(random, std::size(numbers))];
}

void mutateTensor(onnx::TensorProto &tensor, Random &random) {
  switch (below(random, 6)) {
  case 0:
    tensor.set_data_type(static_cast<int>(below(random, 30)));
    break;
  case 1:
    tensor.add_dims(oddNumber(random));
    break;
  case 2:
    if (tensor.dims_size())
      tensor.set_dims(static_cast<int>(below(random, tensor.dims_size())), oddNumber(random));
    break;
  case 3: // the same number of bytes, other values: indices and shapes go wrong
    for (char &byte : *tensor.mutable_raw_data())
      if (below(random, 4) == 0)
        byte = static_cast<char>(random());
    break;
  case 4:
    for (auto &value : *tensor.mutable_int64_data())
      value = oddNumber(random);
    break;
  default:
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    tensor.add_external_data()->set_key("location");
    tensor.mutable_external_data(0)->set_value("../../etc/passwd");
  }
}

void mutateAttribute(onnx::AttributeProto &attribute, Random &random) {
  switch (below(random, 5)) {
  case 0:
    attribute.set_i(oddNumber(random));
    break;
  case 1:
    attribute.add_ints(oddNumber(random));
    break;
  case 2:
    attribute.set_type(static_cast<onnx::AttributeProto::AttributeType>(below(random, 14)));
    break;
  case 3:
    attribute.set_f(static_cast<float>(oddNumber(random)));
    break;
  default:
    if (attribute.has_t())
      mutateTensor(*attribute.mutable_t(), random);
    else
      attribute.set_name("other");
  }
}

void mutateNode(onnx::GraphProto &graph, Random &random) {
  onnx::NodeProto &node = *graph.mutable_node(static_cast<int>(below(random, graph.node_size())));
  const onnx::NodeProto &other = graph.node(static_cast<int>(below(random, graph.node_size())));
  switch (below(random, 8)) {
  case 0:
    node.set_op_type(kOps[below(random, std::size(kOps))]);
    break;
  case 1:
  case 2: // another value of the graph, most often of another shape
    if (node.input_size() && other.input_size())
      node.set_input(static_cast<int>(below(random, node.input_size())),
                     other.input(static_cast<int>(below(random, other.input_size()))));
    break;
  case 3:
    node.add_input(below(random, 3) && other.input_size() ? other.input(0) : "");
    break;
  case 4:
    if (node.input_size())
      node.mutable_input()->RemoveLast();
    break;
  case 5:
    node.add_output(below(random, 2) ? "extra" : "");
    break;
  case 6:
    if (node.attribute_size())
      mutateAttribute(*node.mutable_attribute(static_cast<int>(below(random, node.attribute_size()))), random);
    break;
  default:
    graph.mutable_node()->SwapElements(static_cast<int>(below(random, graph.node_size())),
                                       static_cast<int>(below(random, graph.node_size())));
  }
}

void mutateInput(onnx::GraphProto &graph, Random &random) {
  auto &type =
      *graph.mutable_input(static_cast<int>(below(random, graph.input_size())))->mutable_type()->mutable_tensor_type();
  if (below(random, 3) == 0)
    type.set_elem_type(static_cast<int>(below(random, 30)));
  else if (below(random, 3) == 0)
    type.mutable_shape()->add_dim()->set_dim_value(oddNumber(random));
  else if (type.shape().dim_size())
    type.mutable_shape()
        ->mutable_dim(static_cast<int>(below(random, type.shape().dim_size())))
        ->set_dim_value(oddNumber(random));
}

} // namespace

std::string ingot::testing::mutateMessage(const std::string &bytes, Random &random) {
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes) || model.graph().node_size() == 0)
    return bytes;
  onnx::GraphProto &graph = *model.mutable_graph();
  for (size_t edits = 1 + below(random, 3); edits > 0; --edits) {
    size_t kind = below(random, 10);
    if (kind == 0 && graph.input_size())
      mutateInput(graph, random);
    else if (kind <= 2 && graph.initializer_size())
      mutateTensor(*graph.mutable_initializer(static_cast<int>(below(random, graph.initializer_size()))), random);
    else if (kind == 3 && model.opset_import_size())
      model.mutable_opset_import(0)->set_version(static_cast<int64_t>(12 + below(random, 15)));
    else
      mutateNode(graph, random);
  }
  return model.SerializePartialAsString();
}
