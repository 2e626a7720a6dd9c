/* tell ARTIFACT PROMPT [TOKENS]: continues a prompt with a compiled model. The whole C interface that this needs: open
 * an artifact, start workers, make a session, generate. */
#include <ingot/runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a status says and frees it; 1 if it is a failure. */
static int failed(ingot_status *status) {
  if (!status)
    return 0;
  fprintf(stderr, "tell: %s\n", ingot_status_message(status));
  ingot_status_free(status);
  return 1;
}

static int print_token(void *user, const ingot_token *token) {
  (void)user;
  fwrite(token->text, 1, token->text_length, stdout);
  return fflush(stdout) != 0; /* the reader is gone: stop */
}

static int tell(ingot_session *session, const char *prompt, unsigned long tokens) {
  ingot_generate_result result = {.size = sizeof(result)};
  ingot_generate_params params = {.size = sizeof(params)};
  params.prompt = prompt;
  params.prompt_length = strlen(prompt);
  params.max_tokens = tokens;
  params.result = &result;
  printf("%s", prompt);
  if (failed(ingot_generate(session, &params, print_token, NULL)))
    return 1;
  printf("\n");
  fprintf(stderr, "%llu tokens, the first after %.1f ms\n", (unsigned long long)result.generated_tokens,
          1e3 * result.first_token_seconds);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: tell ARTIFACT PROMPT [TOKENS]\n");
    return 2;
  }
  ingot_artifact *artifact = NULL;
  ingot_executor *executor = NULL;
  ingot_session *session = NULL;
  int status = failed(ingot_artifact_open(argv[1], &artifact)) ||
               failed(ingot_executor_create("cpu", 0, NULL, &executor)) ||
               failed(ingot_session_create(artifact, executor, NULL, &session)) ||
               tell(session, argv[2], argc == 4 ? strtoul(argv[3], NULL, 10) : 100);
  ingot_session_close(session); /* null handles are fine */
  ingot_executor_close(executor);
  ingot_artifact_close(artifact);
  return status;
}
