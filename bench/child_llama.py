"""The child that runs llama.cpp, by llama-cpp-python's low-level interface.

Only llama_decode and the wait for its logits are timed, as llama-bench does it: choosing the token is not.
"""

import time

import llama_cpp as llama
import numpy as np
from gguf import GGMLQuantizationType

from serve import serve

models = {}


class Decoder:
    """A model with one context of `context` positions on `threads` threads, `batch` tokens a call at most."""

    def __init__(self, path, threads, context, half_cache, batch=512):
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        self.model = llama.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        options = llama.llama_context_default_params()
        options.n_ctx, options.n_batch, options.n_ubatch = context, batch, batch
        options.n_threads = options.n_threads_batch = threads
        # The cache is as precise as the weights, and attention is computed the way that is faster with such a cache: for
        # float32 not "flash", for bfloat16 "flash" (measured; its defaults, a float16 cache and "flash", are slower).
        options.type_k = options.type_v = GGMLQuantizationType.BF16 if half_cache else GGMLQuantizationType.F32
        options.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_ENABLED if half_cache else llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.context = llama.llama_init_from_model(self.model, options)
        if not self.context:
            raise RuntimeError("llama.cpp cannot make a context")
        self.memory = llama.llama_get_memory(self.context)
        self.vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        self.batch = llama.llama_batch_init(batch, 0, 1)

    def close(self):
        llama.llama_batch_free(self.batch)
        llama.llama_free(self.context)
        llama.llama_model_free(self.model)

    def feed(self, tokens, start):
        """Runs `tokens` from position `start` and waits for the logits of the last."""
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, start + i, 1
            batch.seq_id[i][0], batch.logits[i] = 0, i == len(tokens) - 1
        if llama.llama_decode(self.context, batch):
            raise RuntimeError("llama_decode failed")
        llama.llama_synchronize(self.context)

    def rewind(self, position):
        llama.llama_memory_seq_rm(self.memory, 0, position, -1)

    def logits(self):
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self.context, -1), (self.vocab,)).copy()


def open_model(key, path, threads, context, half_cache):
    models[key] = Decoder(path, threads, context, half_cache)


def close_all():
    for model in models.values():
        model.close()
    models.clear()


def decode(key, prompt, count, seconds):
    """Tokens per second of single tokens behind `prompt`: `count` of them, again until `seconds` are full."""
    model = models[key]
    model.rewind(0)
    model.feed(prompt, 0)
    feed, start = [int(token) for token in np.resize(prompt, count)], len(prompt)
    done = took = 0
    while took < seconds:
        model.rewind(start)
        began = time.perf_counter()
        for i, token in enumerate(feed):
            model.feed([token], start + i)
        took += time.perf_counter() - began
        done += count
    return done / took


def prefill(key, prompt, seconds):
    model, done, took = models[key], 0, 0
    while took < seconds:
        model.rewind(0)
        began = time.perf_counter()
        model.feed(prompt, 0)
        took += time.perf_counter() - began
        done += len(prompt)
    return done / took


def first_token(path, threads, context, half_cache):
    """Milliseconds from opening the file to the logits behind one token; the library itself is loaded already."""
    began = time.perf_counter()
    model = Decoder(path, threads, context, half_cache)
    model.feed([1], 0)
    took = time.perf_counter() - began
    model.close()
    return 1e3 * took


def logits(key, tokens, output):
    model, rows = models[key], []
    model.rewind(0)
    for i, token in enumerate(tokens):
        model.feed([token], i)
        rows.append(model.logits())
    np.save(output, rows)


def version():
    return llama.__version__


quiet = llama.llama_log_callback(lambda level, text, data: None)
llama.llama_log_set(quiet, None)
llama.llama_backend_init()

if __name__ == "__main__":
    serve({f.__name__: f for f in (open_model, close_all, decode, prefill, first_token, logits, version)})
