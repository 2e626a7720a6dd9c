#include "Npz.h"

#include "runtime/formats/Zip.h"

namespace ingot::tool {

using runtime::Result;
using runtime::Status;

Result<std::map<std::string, Array>> readNpz(const std::string &path) {
  Result<runtime::MappedFile> file = runtime::MappedFile::open(path);
  if (!file)
    return file.status();
  Result<runtime::ZipReader> archive = runtime::ZipReader::parse(file->bytes(), runtime::ZipForm::Any);
  if (!archive)
    return Status(archive.status()).withContext("'" + path + "'");
  std::map<std::string, Array> arrays;
  for (const runtime::ZipReader::Member &member : archive->members()) {
    std::string name = member.name;
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".npy") == 0)
      name.resize(name.size() - 4);
    std::string place = "'" + path + "': array '" + name + "'";
    Result<std::string> data = runtime::ZipReader::extract(member);
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
