// Writes checkpoints while the next steps run.
#pragma once

#include "runtime/support/Status.h"

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ingot::runtime {

/// One file at a time, each complete under its name or not there at all. Belongs to one thread.
class CheckpointWriter {
public:
  CheckpointWriter() = default;
  /// Waits for the file that is being written.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter &) = delete;
  CheckpointWriter &operator=(const CheckpointWriter &) = delete;

  /// Where the next file is put together; waits until the last one has been written, and says whether it was.
  Result<std::vector<std::byte> *> nextImage();
  /// Begins to write what `nextImage` gave. Fails if no thread can be had.
  Status write(const std::string &path);
  /// Waits for the file that is being written, and says whether it was.
  Status finish();

private:
  void work();

  std::vector<std::byte> image;
  std::mutex mutex;
  std::condition_variable changed;
  std::string path; // of the file to write; empty: none
  Status status;    // of the last one
  bool ended = false;
  std::thread thread; // from the first `write` on
};

} // namespace ingot::runtime
