"""The decoder with the named operators of opset 23: RMSNormalization, RotaryEmbedding and Attention with its cache."""

import llama2c

OPSET = 23


def linear(graph, x, weight, name):
    """x [B, C, in] times the transpose of weight [out, in]."""
    transposed = graph.node("Transpose", [graph.parameter(weight)], f"{name}.transpose", perm=[1, 0])
    return graph.node("MatMul", [x, transposed], name)


def rms_norm(graph, x, weight, name):
    inputs = [x, graph.parameter(weight)]
    return graph.node("RMSNormalization", inputs, name, axis=-1, epsilon=llama2c.RMS_EPS)


def attention(graph, x, i):
    config, layer = graph.config, f"layers.{i}.attention"
    q, k, v = (linear(graph, x, f"{layer}.{w}.weight", f"{layer}.{w}") for w in ("wq", "wk", "wv"))

    def rope(value, heads, name):
        inputs = [value, graph.parameter("rope.cos"), graph.parameter("rope.sin"), "position_ids"]
        return graph.node("RotaryEmbedding", inputs, f"{layer}.{name}", interleaved=1, num_heads=heads)

    q, k = rope(q, config.heads, "rope_q"), rope(k, config.kv_heads, "rope_k")
    out, _, _ = graph.node(
        "Attention",
        [q, k, v, "", f"past_key_values.{i}.key", f"past_key_values.{i}.value"],
        layer,
        output_names=[f"{layer}.output", f"present.{i}.key", f"present.{i}.value"],
        is_causal=1,
        q_num_heads=config.heads,
        kv_num_heads=config.kv_heads,
    )
    return linear(graph, out, f"{layer}.wo.weight", f"{layer}.wo")


def feed_forward(graph, x, i):
    name = f"layers.{i}.feed_forward"
    gate = linear(graph, x, f"{name}.w1.weight", f"{name}.w1")
    up = linear(graph, x, f"{name}.w3.weight", f"{name}.w3")
    sigmoid = graph.node("Sigmoid", [gate], f"{name}.sigmoid")
    silu = graph.node("Mul", [gate, sigmoid], f"{name}.silu")
    product = graph.node("Mul", [silu, up], f"{name}.product")
    return linear(graph, product, f"{name}.w2.weight", f"{name}.w2")


def build(graph):
    x = graph.node("Gather", [graph.parameter("tok_embeddings.weight"), "input_ids"], "tok_embeddings", axis=0)
    for i in range(graph.config.layers):
        normed = rms_norm(graph, x, f"layers.{i}.attention_norm.weight", f"layers.{i}.attention_norm")
        x = graph.node("Add", [x, attention(graph, normed, i)], f"layers.{i}.attention_residual")
        normed = rms_norm(graph, x, f"layers.{i}.ffn_norm.weight", f"layers.{i}.ffn_norm")
        x = graph.node("Add", [x, feed_forward(graph, normed, i)], f"layers.{i}.ffn_residual")
    x = rms_norm(graph, x, "norm.weight", "norm")
    # A shared classifier is the embedding itself: one initialiser with two uses.
    classifier = "tok_embeddings.weight" if graph.config.shared_classifier else "output.weight"
    transposed = graph.node("Transpose", [graph.parameter(classifier)], "output.transpose", perm=[1, 0])
    graph.node("MatMul", [x, transposed], "output", output_names=["logits"])
