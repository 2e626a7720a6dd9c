#include "runtime/trainer/CheckpointWriter.h"

#include "runtime/formats/File.h"

#include <new>
#include <span>
#include <system_error>

namespace ingot::runtime {

namespace {

Status writeFile(const std::string &path, std::span<const std::byte> bytes) {
  try {
    Result<AtomicFile> file = AtomicFile::create(path);
    if (!file)
      return file.status();
    INGOT_RETURN_IF_ERROR(file->writeAt(0, bytes));
    return file->commit();
  } catch (const std::bad_alloc &) {
    return Status::outOfMemory("no memory to write '" + path + "'");
  }
}

} // namespace

CheckpointWriter::~CheckpointWriter() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    ended = true;
  }
  changed.notify_all();
  if (thread.joinable())
    thread.join();
}

Status CheckpointWriter::finish() {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [this] { return path.empty(); });
  return status;
}

Result<std::vector<std::byte> *> CheckpointWriter::nextImage() {
  INGOT_RETURN_IF_ERROR(finish());
  return &image;
}

Status CheckpointWriter::write(const std::string &to) {
  if (!thread.joinable()) {
    try {
      thread = std::thread([this] { work(); });
    } catch (const std::system_error &error) {
      return Status::outOfMemory(std::string("cannot start a thread: ") + error.what());
    }
  }
  std::lock_guard<std::mutex> lock(mutex);
  path = to;
  changed.notify_all();
  return Status::success();
}

void CheckpointWriter::work() {
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return ended || !path.empty(); });
    if (path.empty())
      return;
    std::string current = path;
    lock.unlock();
    Status written = writeFile(current, image);
    lock.lock();
    status = std::move(written);
    path.clear();
    changed.notify_all();
  }
}

} // namespace ingot::runtime
