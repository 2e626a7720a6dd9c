/* The C interface from C11, compiled with -pedantic -Werror: runs the handmade artifacts whose paths it is given and
 * prints the first thing that is not as documented. */
#include "ingot/runtime.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int line_of_failure;
#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition) && !line_of_failure) {                                                                            \
      line_of_failure = __LINE__;                                                                                      \
      fprintf(stderr, "CApiTest.c:%d: %s\n", __LINE__, #condition);                                                    \
    }                                                                                                                  \
  } while (0)

/* Whether a status has a code and a part of a message; frees it. */
static bool is(ingot_status *status, ingot_code code, const char *part) {
  bool matches = ingot_status_code(status) == code && strstr(ingot_status_message(status), part) != NULL;
  if (!matches)
    fprintf(stderr, "got %d: %s\n", (int)ingot_status_code(status), ingot_status_message(status));
  ingot_status_free(status);
  return matches;
}
static bool ok(ingot_status *status) { return is(status, INGOT_OK, "ok"); }

static DLTensor tensor(void *data, int64_t *shape, int rank, uint8_t code, uint8_t bits) {
  DLTensor result;
  memset(&result, 0, sizeof result);
  result.data = data;
  result.device.device_type = kDLCPU;
  result.ndim = rank;
  result.dtype.code = code;
  result.dtype.bits = bits;
  result.dtype.lanes = 1;
  result.shape = shape;
  return result;
}

static void test_null_and_bad_arguments(void) {
  ingot_artifact *artifact = NULL;
  ingot_executor *executor = NULL;
  ingot_session *session = NULL;
  ingot_trainer *trainer = NULL;
  CHECK(is(ingot_artifact_open(NULL, &artifact), INGOT_INVALID_ARGUMENT, "path expects a pointer"));
  CHECK(is(ingot_artifact_open("/nonexistent", &artifact), INGOT_IO, "cannot read '/nonexistent'"));
  CHECK(is(ingot_artifact_open("/dev/null", &artifact), INGOT_IO, "not a regular file"));
  CHECK(is(ingot_executor_create("cpu", 100000, NULL, &executor), INGOT_INVALID_ARGUMENT, "at most"));
  CHECK(is(ingot_executor_create("cuda:sm_90a", 0, NULL, &executor), INGOT_UNSUPPORTED, "not supported yet"));
  CHECK(is(ingot_executor_create("toaster", 0, NULL, &executor), INGOT_INVALID_ARGUMENT, "unknown target 'toaster'"));
  CHECK(is(ingot_executor_create("cpu", 1, "x", &executor), INGOT_INVALID_ARGUMENT, "list of cpus"));
  CHECK(is(ingot_executor_create("cpu", 1, "", &executor), INGOT_INVALID_ARGUMENT, "list of cpus"));
  CHECK(is(ingot_executor_create("cpu", 1, "1023", &executor), INGOT_INVALID_ARGUMENT, "not available"));
  CHECK(is(ingot_session_create(NULL, NULL, NULL, &session), INGOT_INVALID_ARGUMENT, "artifact"));
  CHECK(is(ingot_session_reset(NULL), INGOT_INVALID_ARGUMENT, "session"));
  CHECK(is(ingot_run(NULL, "x", NULL, 0, NULL, 0), INGOT_INVALID_ARGUMENT, "session"));
  CHECK(is(ingot_generate(NULL, NULL, NULL, NULL), INGOT_INVALID_ARGUMENT, "session"));
  CHECK(is(ingot_train_create(NULL, NULL, &trainer), INGOT_INVALID_ARGUMENT, "artifact"));
  CHECK(is(ingot_train_run(NULL, NULL, NULL, NULL), INGOT_INVALID_ARGUMENT, "trainer"));
  CHECK(artifact == NULL && executor == NULL && session == NULL && trainer == NULL);
  CHECK(ingot_artifact_manifest(NULL) == NULL && ingot_executor_workers(NULL) == 0);
  CHECK(strcmp(ingot_runtime_version(), "0.1.0") == 0);
  ingot_artifact_close(NULL);
  ingot_executor_close(NULL);
  ingot_session_close(NULL);
  ingot_train_close(NULL);
  ingot_train_stop(NULL);
  ingot_status_free(NULL);
  ingot_cancel(NULL);
}

static void test_run(const char *path) {
  ingot_artifact *artifact = NULL;
  ingot_executor *executor = NULL;
  ingot_session *session = NULL;
  float x[32], y[40];
  int64_t shape[2] = {4, 8}, strides[2] = {8, 1}, wrong_strides[2] = {1, 4};
  DLTensor in = tensor(x, shape, 2, kDLFloat, 32), out = tensor(y, shape, 2, kDLFloat, 32);
  for (int i = 0; i < 32; ++i)
    x[i] = (float)(i % 3);
  CHECK(ok(ingot_artifact_open(path, &artifact)));
  CHECK(strstr(ingot_artifact_manifest(artifact), "\"format\": 1") != NULL);
  CHECK(ok(ingot_executor_create("cpu", 3, "0", &executor)));
  CHECK(ingot_executor_workers(executor) == 3);

  ingot_session_options options;
  memset(&options, 0, sizeof options);
  CHECK(is(ingot_session_create(artifact, executor, &options, &session), INGOT_INVALID_ARGUMENT, "size"));
  options.size = sizeof options;
  options.launch = INGOT_LAUNCH_GRAPH;
  CHECK(is(ingot_session_create(artifact, executor, &options, &session), INGOT_UNSUPPORTED, "not supported yet"));
  options.launch = INGOT_LAUNCH_MEGAKERNEL;
  options.memory_limit = 1;
  CHECK(is(ingot_session_create(artifact, executor, &options, &session), INGOT_OUT_OF_MEMORY, "limit is 1"));
  /* An older caller knows fewer fields: the limit behind them does not count. */
  options.size = offsetof(ingot_session_options, interleaving_seed);
  CHECK(ok(ingot_session_create(artifact, executor, &options, &session)));
  /* The session keeps what it needs. */
  ingot_artifact_close(artifact);
  ingot_executor_close(executor);

  CHECK(ok(ingot_run(session, "forward", &in, 1, &out, 1)));
  float first[32];
  memcpy(first, y, sizeof first);
  in.strides = strides;
  out.byte_offset = 32;
  CHECK(ok(ingot_run(session, "forward", &in, 1, &out, 1)));
  CHECK(memcmp(first, (char *)y + 32, sizeof first) == 0);
  in.strides = wrong_strides;
  CHECK(is(ingot_run(session, "forward", &in, 1, &out, 1), INGOT_INVALID_ARGUMENT, "row-major"));
  in.strides = NULL;
  in.dtype.code = kDLInt;
  CHECK(is(ingot_run(session, "forward", &in, 1, &out, 1), INGOT_INVALID_ARGUMENT, "but got i32[4,8]"));
  in.dtype.code = 6; /* bool has 8 bits */
  CHECK(is(ingot_run(session, "forward", &in, 1, &out, 1), INGOT_INVALID_ARGUMENT, "dtype"));
  in.dtype.code = kDLFloat;
  in.device.device_type = kDLCUDA;
  CHECK(is(ingot_run(session, "forward", &in, 1, &out, 1), INGOT_INVALID_ARGUMENT, "cpu"));
  in.device.device_type = kDLCPU;
  in.data = NULL;
  CHECK(is(ingot_run(session, "forward", &in, 1, &out, 1), INGOT_INVALID_ARGUMENT, "no data"));
  in.data = x;
  shape[0] = -4;
  CHECK(is(ingot_run(session, "forward", &in, 1, &out, 1), INGOT_INVALID_ARGUMENT, "negative"));
  shape[0] = 4;
  CHECK(is(ingot_run(session, "nothing", &in, 1, &out, 1), INGOT_INVALID_ARGUMENT, "no entry"));
  ingot_cancel(session);
  CHECK(is(ingot_run(session, "forward", &in, 1, &out, 1), INGOT_CANCELLED, "cancelled"));
  CHECK(ok(ingot_run(session, "forward", &in, 1, &out, 1)));

  ingot_memory memory;
  memset(&memory, 0, sizeof memory);
  CHECK(is(ingot_session_memory(session, &memory), INGOT_INVALID_ARGUMENT, "size"));
  memory.size = offsetof(ingot_memory, inputs);
  memory.inputs = 77;
  CHECK(ok(ingot_session_memory(session, &memory)));
  CHECK(memory.arena == 256 && memory.params == 1024 && memory.inputs == 77);
  ingot_session_close(session);
}

struct sink {
  int32_t tokens[64];
  size_t count, text_length, stop_after;
};

static int on_token(void *user, const ingot_token *token) {
  struct sink *sink = user;
  if (token->id >= 0) {
    CHECK(token->logits != NULL && token->num_logits == 256);
    sink->tokens[sink->count++] = token->id;
  }
  sink->text_length += token->text_length;
  return sink->stop_after != 0 && sink->count >= sink->stop_after;
}

static void test_generate(const char *path) {
  ingot_artifact *artifact = NULL;
  ingot_executor *executor = NULL;
  ingot_session *session = NULL, *fork = NULL;
  CHECK(ok(ingot_artifact_open(path, &artifact)));
  CHECK(ok(ingot_executor_create("cpu:generic", 2, NULL, &executor)));
  CHECK(ok(ingot_session_create(artifact, executor, NULL, &session)));

  size_t count = 0;
  int32_t ids[8];
  char text[8];
  CHECK(ok(ingot_tokenize(artifact, "hello", 5, 1, ids, 8, &count)) && count == 5 && ids[1] == 'e');
  CHECK(ok(ingot_tokenize(artifact, NULL, 0, 1, NULL, 0, &count)) && count == 0);
  CHECK(ok(ingot_detokenize(artifact, -1, ids, 5, text, 3, &count)) && count == 5 && memcmp(text, "hel", 3) == 0);

  struct sink sink = {{0}, 0, 0, 0}, again = {{0}, 0, 0, 0};
  ingot_generate_result result;
  result.size = sizeof result;
  ingot_generate_params params;
  memset(&params, 0, sizeof params);
  params.size = sizeof params;
  params.prompt = "hello";
  params.prompt_length = 5;
  params.max_tokens = 10;
  params.result = &result;
  CHECK(ok(ingot_generate(session, &params, on_token, &sink)));
  CHECK(sink.count == 10 && sink.text_length == 10);
  CHECK(result.prompt_tokens == 5 && result.generated_tokens == 10 && result.finish == INGOT_FINISH_LENGTH);
  CHECK(ok(ingot_session_fork(session, &fork)));
  CHECK(ok(ingot_session_reset(session)));
  again.stop_after = 4;
  CHECK(ok(ingot_generate(session, &params, on_token, &again)));
  CHECK(again.count == 4 && result.finish == INGOT_FINISH_CALLER);
  CHECK(memcmp(sink.tokens, again.tokens, 4 * sizeof(int32_t)) == 0);
  /* Both go on from where they stand: the fork from 10 tokens, the session from 4. */
  params.prompt = NULL;
  params.prompt_length = 0;
  params.max_tokens = 6;
  again.stop_after = 0;
  CHECK(ok(ingot_generate(session, &params, on_token, &again)));
  CHECK(again.count == 10 && memcmp(sink.tokens, again.tokens, 10 * sizeof(int32_t)) == 0);
  CHECK(ok(ingot_generate(session, &params, on_token, &again)));
  CHECK(ok(ingot_generate(fork, &params, on_token, &sink)));
  CHECK(sink.count == 16 && memcmp(sink.tokens, again.tokens, 16 * sizeof(int32_t)) == 0);
  CHECK(ok(ingot_session_fork_slot(session, 0, 0)));
  CHECK(is(ingot_session_fork_slot(session, 0, 1), INGOT_INVALID_ARGUMENT, "slots are numbered from 0 to 0"));
  params.top_p = 2;
  CHECK(is(ingot_generate(session, &params, on_token, &sink), INGOT_INVALID_ARGUMENT, "top_p expects"));
  params.top_p = 0;
  params.num_prompts = 2;
  CHECK(is(ingot_generate(session, &params, on_token, &sink), INGOT_INVALID_ARGUMENT, "prompts"));
  ingot_session_close(fork);
  ingot_session_close(session);
  ingot_executor_close(executor);
  ingot_artifact_close(artifact);
}

struct training {
  uint64_t steps, resumed, stop_at;
  double first_loss, last_loss;
};

static int on_train(void *user, const ingot_train_report *report) {
  struct training *seen = user;
  CHECK(report->size == sizeof *report);
  if (report->event == INGOT_TRAIN_RESUMED) {
    seen->resumed = report->step;
    CHECK(strstr(report->path, "step-000003.safetensors") != NULL);
  }
  if (report->event != INGOT_TRAIN_STEP)
    return 0;
  CHECK(report->tokens == 8 && report->seconds > 0 && report->learning_rate > 0 && report->path == NULL);
  if (seen->steps++ == 0)
    seen->first_loss = report->loss;
  seen->last_loss = report->loss;
  return report->step == seen->stop_at;
}

/* `text` is a file to train on, `folder` does not exist yet. */
static void test_train(const char *path, const char *text, const char *folder) {
  ingot_artifact *artifact = NULL;
  ingot_executor *executor = NULL;
  ingot_trainer *trainer = NULL;
  struct training seen = {0, 0, 3, 0, 0};
  ingot_train_options options;
  memset(&options, 0, sizeof options);
  CHECK(ok(ingot_artifact_open(path, &artifact)));
  CHECK(ok(ingot_executor_create("cpu", 2, NULL, &executor)));
  CHECK(ok(ingot_train_create(artifact, executor, &trainer)));
  CHECK(is(ingot_train_run(trainer, &options, on_train, &seen), INGOT_INVALID_ARGUMENT, "size"));
  options.size = sizeof options;
  CHECK(is(ingot_train_run(trainer, &options, on_train, &seen), INGOT_INVALID_ARGUMENT, "data expects a pointer"));
  options.data = text;
  options.folder = folder;
  CHECK(is(ingot_train_run(trainer, &options, on_train, &seen), INGOT_INVALID_ARGUMENT, "steps"));
  options.steps = 8;
  options.launch = INGOT_LAUNCH_GRAPH;
  CHECK(is(ingot_train_run(trainer, &options, on_train, &seen), INGOT_UNSUPPORTED, "not supported yet"));
  options.launch = INGOT_LAUNCH_MEGAKERNEL;
  CHECK(seen.steps == 0);
  options.peak_rate = 0.05;
  CHECK(is(ingot_train_run(trainer, &options, on_train, &seen), INGOT_CANCELLED, "stopped after step 3"));
  CHECK(is(ingot_train_run(trainer, &options, NULL, NULL), INGOT_INVALID_ARGUMENT, "holds checkpoints already"));
  options.resume = 1;
  seen.stop_at = 0;
  CHECK(ok(ingot_train_run(trainer, &options, on_train, &seen)));
  CHECK(seen.steps == 8 && seen.resumed == 3 && seen.last_loss < seen.first_loss);
  ingot_train_close(trainer);
  ingot_executor_close(executor);
  ingot_artifact_close(artifact);
}

int main(int argc, char **argv) {
  if (argc != 6)
    return 2;
  test_null_and_bad_arguments();
  test_run(argv[1]);
  test_generate(argv[2]);
  test_train(argv[3], argv[4], argv[5]);
  return line_of_failure ? 1 : 0;
}
