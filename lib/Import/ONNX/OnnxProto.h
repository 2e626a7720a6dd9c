// The classes that protoc generates from the pinned onnx package's .proto.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#include "onnx-ml.pb.h"
#pragma GCC diagnostic pop
