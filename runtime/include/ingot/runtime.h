/* The C interface of the Ingot runtime.
 *
 * C11. Handles are opaque. Functions that can fail return an ingot_status: NULL means success, anything else has a code
 * and a message and is freed with ingot_status_free. Option structs begin with their size (`options.size =
 * sizeof(options)`), fields beyond it count as zero; a null pointer means the defaults. No exception leaves a function,
 * and there is no global state.
 *
 * Artifacts and executors may be shared by sessions and threads. A session belongs to one thread at a time (only
 * ingot_cancel may come from others); different sessions run concurrently, or take turns when they share an executor.
 * Handles may be closed in any order: what is still in use stays alive.
 *
 * What section headings mark as absent returns INGOT_UNSUPPORTED with a message that ends in "not supported yet". */
#ifndef INGOT_RUNTIME_H
#define INGOT_RUNTIME_H

#include <dlpack/dlpack.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define INGOT_EXPORT __attribute__((visibility("default")))
#else
#define INGOT_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* --- Status ------------------------------------------------------------------------------------------------------ */

typedef enum ingot_code {
  INGOT_OK = 0,
  INGOT_INVALID_ARGUMENT = 1, /* the caller asked for something that makes no sense */
  INGOT_CORRUPT = 2,          /* a file breaks its format */
  INGOT_UNSUPPORTED = 3,      /* makes sense, but is not built yet or not available on this machine */
  INGOT_OUT_OF_MEMORY = 4,
  INGOT_IO = 5,
  INGOT_CANCELLED = 6,
  INGOT_INTERNAL = 7 /* a bug of ours */
} ingot_code;

typedef struct ingot_status ingot_status; /* NULL: success */

INGOT_EXPORT ingot_code ingot_status_code(const ingot_status *status);
/* Lower case, without a final full stop; "ok" for NULL. Lives as long as the status. */
INGOT_EXPORT const char *ingot_status_message(const ingot_status *status);
INGOT_EXPORT void ingot_status_free(ingot_status *status);

/* "0.1.0"; compare with a manifest's min_runtime. */
INGOT_EXPORT const char *ingot_runtime_version(void);

/* --- Artifacts --------------------------------------------------------------------------------------------------- */

typedef struct ingot_artifact ingot_artifact;

/* Maps a model.ingot and checks its structure and bounds. The file must not be shortened while it is open. */
INGOT_EXPORT ingot_status *ingot_artifact_open(const char *path, ingot_artifact **artifact);
INGOT_EXPORT void ingot_artifact_close(ingot_artifact *artifact);
/* The manifest: JSON, ends with a zero byte, lives as long as the artifact. */
INGOT_EXPORT const char *ingot_artifact_manifest(const ingot_artifact *artifact);

/* --- Executors --------------------------------------------------------------------------------------------------- */

typedef struct ingot_executor ingot_executor;

/* Starts workers. `target` is "cpu" (the best code for this CPU) or "cpu:ISA" ("cpu:avx2"). `workers` 0 means one per
 * core that the process may use. `affinity` binds the workers to CPUs ("0-3,8"), NULL leaves that to the system; worker
 * 0 is the calling thread of a run and is never bound. */
INGOT_EXPORT ingot_status *ingot_executor_create(const char *target, uint32_t workers, const char *affinity,
                                                 ingot_executor **executor);
INGOT_EXPORT void ingot_executor_close(ingot_executor *executor);
INGOT_EXPORT uint32_t ingot_executor_workers(const ingot_executor *executor);

/* --- Sessions ---------------------------------------------------------------------------------------------------- */

typedef struct ingot_session ingot_session;

typedef enum ingot_launch {
  INGOT_LAUNCH_MEGAKERNEL = 0,  /* one program, ordered by counters */
  INGOT_LAUNCH_EAGER = 1,       /* launch by launch with a barrier between */
  INGOT_LAUNCH_GRAPH = 2,       /* not supported yet */
  INGOT_LAUNCH_INTERLEAVED = 3, /* for tests: one thread, tasks in a random legal order */
} ingot_launch;

typedef struct ingot_session_options {
  size_t size;
  ingot_launch launch;
  uint64_t interleaving_seed; /* INGOT_LAUNCH_INTERLEAVED: step n uses this + n */
  uint64_t memory_limit;      /* bytes that the session may take; 0: what the system has */
} ingot_session_options;

/* Makes every entry of the artifact ready to run: programs are verified, memory is taken, states are initialised.
 * Running allocates nothing after that. */
INGOT_EXPORT ingot_status *ingot_session_create(ingot_artifact *artifact, ingot_executor *executor,
                                                const ingot_session_options *options, ingot_session **session);
INGOT_EXPORT void ingot_session_close(ingot_session *session);
/* States back to their initial values, generation back to position 0. */
INGOT_EXPORT ingot_status *ingot_session_reset(ingot_session *session);
/* A second session that continues from here with a copy of the state. */
INGOT_EXPORT ingot_status *ingot_session_fork(const ingot_session *session, ingot_session **fork);
/* Within a batch: the sequence of slot `to` continues from where that of slot `from` stands, with a copy of its state.
 */
INGOT_EXPORT ingot_status *ingot_session_fork_slot(ingot_session *session, size_t from, size_t to);

/* Bytes by use. `arena` is what the planner's peak promises: the largest of the entries. */
typedef struct ingot_memory {
  size_t size;
  uint64_t params; /* mapped from the file, shared by sessions */
  uint64_t state;
  uint64_t arena;
  uint64_t inputs;
  uint64_t outputs;
  uint64_t private_bytes; /* of all workers */
} ingot_memory;
INGOT_EXPORT ingot_status *ingot_session_memory(const ingot_session *session, ingot_memory *memory);

/* Runs one step of `entry`. Tensors come in the order of the manifest, with its dtypes and shapes, in CPU memory. The
 * last inputs of a decoder say how it chooses the next token, and its last output is that token: they may be left out
 * (the inputs count as zero, which takes the largest logit). Tensors are
 * row-major without gaps (bool is type code 6 with 8 bits, bfloat16 code 4). `byte_offset` is respected. Integers that
 * the model uses as indices are checked. Outputs may share memory with inputs. Large tensors of floats that are aligned
 * to 16 bytes and share no memory are used in place: nobody else may touch them meanwhile, and a run that fails may
 * have written part of the outputs. */
INGOT_EXPORT ingot_status *ingot_run(ingot_session *session, const char *entry, const DLTensor *inputs,
                                     size_t num_inputs, const DLTensor *outputs, size_t num_outputs);

/* Stops the run or generation in progress, or the next one if there is none. May be called from any thread and from a
 * signal handler. If a step was cut short, only ingot_session_reset makes the session usable again. */
INGOT_EXPORT void ingot_cancel(ingot_session *session);

/* --- Generation -------------------------------------------------------------------------------------------------- */

typedef enum ingot_finish {
  INGOT_FINISH_LENGTH = 0, /* max_tokens, or the KV cache is full */
  INGOT_FINISH_EOS = 1,
  INGOT_FINISH_STOP = 2,  /* a stop text */
  INGOT_FINISH_CALLER = 3 /* the callback said so */
} ingot_finish;

typedef struct ingot_generate_result {
  size_t size;
  uint64_t prompt_tokens;
  uint64_t generated_tokens;
  ingot_finish finish;
  double prompt_seconds;      /* from the call to the first logits */
  double first_token_seconds; /* from the call to the first token */
  double decode_seconds;      /* from the first token to the last */
} ingot_generate_result;

/* One of several prompts: text of `text_length` bytes, or token ids if `text` is NULL. */
typedef struct ingot_prompt {
  const char *text;
  size_t text_length;
  const int32_t *tokens;
  size_t num_tokens;
} ingot_prompt;

typedef struct ingot_sequence_result {
  uint64_t prompt_tokens;
  uint64_t generated_tokens;
  ingot_finish finish;
} ingot_sequence_result;

typedef struct ingot_generate_params {
  size_t size;
  const char *prompt; /* text of `prompt_length` bytes, for artifacts with a tokenizer; or NULL */
  size_t prompt_length;
  const int32_t *tokens; /* or token ids, if `prompt` is NULL */
  size_t num_tokens;
  uint64_t max_tokens;     /* of each sequence; 0: feed the prompt only */
  float temperature;       /* 0: greedy, the lowest of equally likely tokens */
  uint64_t seed;           /* of the sampler: Philox4x32-10 with this key, counted by position */
  uint32_t top_k;          /* draw from the k likeliest tokens; 0: from all */
  float top_p;             /* draw from the likeliest tokens that sum to this probability; 0 and 1: from all */
  const char *const *stop; /* texts that end the generation and are not part of it; zero-terminated */
  size_t num_stop;
  uint32_t ignore_eos;           /* not 0: go on after an end-of-sequence token */
  uint32_t decode_only;          /* not 0: feed the prompt token by token too */
  ingot_generate_result *result; /* filled on success; may be NULL */
  float presence_penalty;        /* taken from the logits of tokens that were sampled before */
  float frequency_penalty;       /* the same, times how often they were */
  float repetition_penalty;      /* divides positive logits of tokens that occurred before, multiplies others; 0: 1 */
  uint32_t steps_per_launch;     /* tokens come in groups of up to so many, and the callback is asked after each group;
                                    0: 1, or many if there is no callback */
  /* Several sequences side by side, if `num_prompts` is not 0; `prompt` and `tokens` are ignored then. At most as many
   * as the artifact was compiled for (--batch). Sequence i has seed `seed` + i, and gives what it would give alone. */
  const ingot_prompt *prompts;
  size_t num_prompts;
  ingot_sequence_result *sequence_results; /* one per prompt, filled on success; may be NULL */
} ingot_generate_params;

typedef struct ingot_token {
  size_t size;
  int32_t id;       /* -1: no token, only text that was held back until the end */
  const char *text; /* whole characters; may lag while they are incomplete or could be part of a stop text */
  size_t text_length;
  const float *logits; /* that it was chosen from, before penalties and temperature; NULL with id -1, and for tokens
                          that are not the last of their group */
  size_t num_logits;
  size_t sequence; /* number of the prompt */
} ingot_token;

/* Returns 0 to go on, anything else to stop. What `token` points to lives as long as the call. */
typedef int (*ingot_token_callback)(void *user, const ingot_token *token);

/* Continues the session's sequences: feeds the prompts and generates. Needs an entry `decode` and uses `prefill`.
 * `finish` of the result is that of the first sequence, its numbers of tokens are those of all. */
INGOT_EXPORT ingot_status *ingot_generate(ingot_session *session, const ingot_generate_params *params,
                                          ingot_token_callback callback, void *user);

/* Text to token ids and back with the artifact's tokenizer. Both write at most `capacity` items and set `*count` to
 * what there is; `tokens` and `text` may be NULL when `capacity` is 0. `at_start` adds a beginning-of-sequence token
 * where the tokenizer has one. `previous` is the token before the first, or -1. */
INGOT_EXPORT ingot_status *ingot_tokenize(const ingot_artifact *artifact, const char *text, size_t length, int at_start,
                                          int32_t *tokens, size_t capacity, size_t *count);
INGOT_EXPORT ingot_status *ingot_detokenize(const ingot_artifact *artifact, int32_t previous, const int32_t *tokens,
                                            size_t num_tokens, char *text, size_t capacity, size_t *count);

/* --- Parameters -------------------------------------------------------------------------------------------------- */

/* The session uses the weights of a safetensors file from now on: row-major, under the names of the model. float32 and
 * bfloat16 stand for each other: values are rounded to nearest even, or widened, to what the artifact has. Constants of
 * the program stay the artifact's, whatever the file has under their names. */
INGOT_EXPORT ingot_status *ingot_params_load(ingot_session *session, const char *path);
/* Writes the session's weights as safetensors: row-major, under the names of the model. */
INGOT_EXPORT ingot_status *ingot_params_save(const ingot_session *session, const char *path);

/* --- Training ---------------------------------------------------------------------------------------------------- */

typedef struct ingot_trainer ingot_trainer;

/* A trainer belongs to one thread at a time; only ingot_train_stop may come from others. */
INGOT_EXPORT ingot_status *ingot_train_create(ingot_artifact *artifact, ingot_executor *executor,
                                              ingot_trainer **trainer);
INGOT_EXPORT void ingot_train_close(ingot_trainer *trainer);

typedef enum ingot_data_format {
  INGOT_DATA_TEXT = 0,  /* mapped by the artifact's tokenizer; without one each byte is a token */
  INGOT_DATA_UINT16 = 1 /* token ids of two bytes, the lower one first */
} ingot_data_format;

/* After a warm-up of `warmup_steps` W, in which step t has rate peak * t / W: */
typedef enum ingot_schedule {
  INGOT_SCHEDULE_COSINE = 0,   /* falls to `least` along half a cosine */
  INGOT_SCHEDULE_CONSTANT = 1, /* stays at the peak */
  INGOT_SCHEDULE_WSD = 2,      /* stays there until step `anneal_from`, then falls to `least` along a line */
  INGOT_SCHEDULE_INFINITE = 3  /* falls to `stable` until step `stable_from`, along a cosine or an inverse square root,
                                  stays there, and from `anneal_from` on falls to `least` exponentially */
} ingot_schedule;

typedef struct ingot_train_options {
  size_t size;
  const char *data; /* file */
  ingot_data_format data_format;
  uint64_t steps;            /* of the whole run, those of the checkpoint that it goes on from included */
  uint64_t seed;             /* of the order of the data */
  const char *folder;        /* of the checkpoints step-000060.safetensors; one is written at the end */
  uint64_t checkpoint_every; /* steps; 0: only at the end */
  uint32_t resume;           /* not 0: go on from the newest valid checkpoint of the folder, if there is one */
  ingot_schedule schedule;
  double peak_rate;                                /* 0: 1e-3 */
  double least_rate;                               /* 0: a tenth of the peak */
  double stable_rate;                              /* 0: half way between these */
  uint64_t warmup_steps, stable_from, anneal_from; /* the last two 0: 60% and 80% of the steps */
  uint32_t inverse_sqrt;
  uint64_t batch, sequence; /* fails unless the artifact was compiled for them; 0: for any */
  double spike_factor;      /* a loss above that times its running average is a spike: the run goes back to the last
                               checkpoint and on without the batches that led there; 0: nothing is a spike */
  uint64_t skip_batches;    /* how many those are; 0: 1, the one with the spike */
  const char *params;       /* safetensors file with the weights to start with; NULL: those of the artifact */
  ingot_launch launch;
  uint64_t interleaving_seed;
  uint64_t memory_limit;
} ingot_train_options;

typedef enum ingot_train_event {
  INGOT_TRAIN_STEP = 0,
  INGOT_TRAIN_RESUMED = 1,    /* from checkpoint `path` */
  INGOT_TRAIN_UNREADABLE = 2, /* checkpoint `path` is damaged and was passed over */
  INGOT_TRAIN_REWOUND = 3     /* to checkpoint `path`, after a spike at `step` */
} ingot_train_event;

typedef struct ingot_train_report {
  size_t size;
  ingot_train_event event;
  uint64_t step;
  double loss, average_loss; /* the latter running */
  double grad_norm;          /* 0 if the artifact does not tell */
  double learning_rate;
  double seconds;   /* since the end of the step before */
  uint64_t tokens;  /* of the step */
  const char *path; /* NULL with INGOT_TRAIN_STEP */
} ingot_train_report;

/* Returns 0 to go on, anything else to stop. What `report` points to lives as long as the call. */
typedef int (*ingot_train_callback)(void *user, const ingot_train_report *report);

/* Runs entry `train_step` until all steps are done. Fails if the folder holds checkpoints and `resume` is 0,
 * or if `resume` is not 0 and they are all damaged. A checkpoint is overwritten only if it was damaged and passed over,
 * when the run comes to its step. Fails on a loss that is not finite, before that state is saved. `callback` may be
 * NULL. A stopped run returns INGOT_CANCELLED and has a checkpoint. */
INGOT_EXPORT ingot_status *ingot_train_run(ingot_trainer *trainer, const ingot_train_options *options,
                                           ingot_train_callback callback, void *user);
/* Stops the run in progress after its step, or the next one before its first. May be called from any thread and from a
 * signal handler. */
INGOT_EXPORT void ingot_train_stop(ingot_trainer *trainer);

#ifdef __cplusplus
}
#endif

#endif
