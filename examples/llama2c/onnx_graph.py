"""A small builder for ONNX decoder graphs, and the interface that both styles share."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """Collects nodes and initialisers. Every method that adds a node returns the name of its first output."""

    def __init__(self, config, parameters):
        self.config = config
        self.nodes = []
        self.initializers = {}
        self.parameters = parameters
        self.inputs = [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"]),
            helper.make_tensor_value_info("position_ids", TensorProto.INT64, ["batch", "sequence"]),
        ]
        self.outputs = [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "sequence", config.vocab])
        ]
        for i in range(config.layers):
            for kind in ("key", "value"):
                self.inputs.append(self._cache(f"past_key_values.{i}.{kind}", "past_sequence_length"))
                self.outputs.append(self._cache(f"present.{i}.{kind}", "total_sequence_length"))

    def _cache(self, name, length):
        shape = ["batch", self.config.kv_heads, length, self.config.head_dim]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def parameter(self, name):
        """The initialiser of a model parameter; asked for twice, it is the same one."""
        return self.initializer(name, self.parameters[name])

    def initializer(self, name, value):
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(self, op, inputs, name, outputs=1, output_names=None, **attributes):
        names = output_names or [f"{name}_output_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name, **attributes))
        return names[0] if len(names) == 1 else names

    def model(self, opset, metadata):
        graph = helper.make_graph(self.nodes, "decoder", self.inputs, self.outputs, list(self.initializers.values()))
        # IR version 10 is what opset 23 needs at least; older readers of the opset 17 graph accept 8.
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=8 if opset < 23 else 10,
            producer_name="ingot-llama2c",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model
