#include "Npz.h"

#include "runtime/formats/Zip.h"

#include <zip.h>

#include <memory>

namespace ingot::tool {

using runtime::Result;
using runtime::Status;

namespace {

constexpr uint64_t kMaxArrayBytes = uint64_t(1) << 40;

/// All bytes of one member.
Result<std::string> readMember(zip_t *archive, zip_int64_t index) {
  zip_stat_t info;
  if (zip_stat_index(archive, static_cast<zip_uint64_t>(index), 0, &info) != 0 || !(info.valid & ZIP_STAT_SIZE) ||
      info.size > kMaxArrayBytes)
    return Status::corrupt("cannot be read");
  std::unique_ptr<zip_file_t, int (*)(zip_file_t *)> file(zip_fopen_index(archive, static_cast<zip_uint64_t>(index), 0),
                                                          zip_fclose);
  if (!file)
    return Status::corrupt(std::string("cannot be read: ") + zip_strerror(archive));
  // The size in the directory may be a lie: memory grows with what really comes.
  std::string data;
  std::unique_ptr<char[]> chunk(new char[1 << 20]);
  while (data.size() <= info.size) {
    zip_int64_t count = zip_fread(file.get(), chunk.get(), 1 << 20);
    if (count < 0)
      return Status::corrupt(std::string("is damaged: ") + zip_file_strerror(file.get()));
    if (count == 0)
      break;
    data.append(chunk.get(), static_cast<size_t>(count));
  }
  return data;
}

} // namespace

Result<std::map<std::string, Array>> readNpz(const std::string &path) {
  int code = 0;
  std::unique_ptr<zip_t, void (*)(zip_t *)> archive(zip_open(path.c_str(), ZIP_RDONLY, &code), zip_discard);
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    Status status = Status::io("cannot read '" + path + "': " + zip_error_strerror(&error));
    zip_error_fini(&error);
    return status;
  }
  std::map<std::string, Array> arrays;
  zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char *raw = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), 0);
    std::string name = raw ? raw : "";
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".npy") == 0)
      name.resize(name.size() - 4);
    std::string place = "'" + path + "': array '" + name + "'";
    Result<std::string> data = readMember(archive.get(), i);
    if (!data)
      return Status::corrupt(place + " " + data.status().message());
    Result<Array> array = parseNpy(*data);
    if (!array)
      return Status::corrupt(place + " " + array.status().message());
    if (!arrays.emplace(name, std::move(*array)).second)
      return Status::corrupt(place + " appears twice");
  }
  return arrays;
}

Status writeNpz(const std::string &path, const std::vector<std::pair<std::string, Array>> &arrays) {
  Result<runtime::ZipWriter> zip = runtime::ZipWriter::create(path, runtime::MemberNames::Any);
  if (!zip)
    return zip.status();
  for (const auto &[name, array] : arrays)
    INGOT_RETURN_IF_ERROR(zip->add(name + ".npy", printNpy(array)));
  return zip->finish();
}

} // namespace ingot::tool
