#include "scout/base/shipped_files.h"

#include <algorithm>
#include <stdexcept>

#include "scout/base/names.h"

namespace scout {
namespace fs = std::filesystem;

fs::path shipped_folder(const std::string& name) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path beside = program.parent_path().parent_path();
  for (const fs::path& folder : {beside / "share/scout" / name, beside / name, fs::path(name)}) {
    if (fs::is_directory(folder, error)) return folder;
  }
  return {};
}

std::vector<std::string> shipped_names(const std::string& folder) {
  std::vector<std::string> out;
  const fs::path path = shipped_folder(folder);
  if (path.empty()) return out;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".toml") out.push_back(entry.path().stem().string());
  }
  std::ranges::sort(out);
  return out;
}

fs::path find_file(const std::string& given, const std::string& folder, const std::string& kind) {
  std::error_code error;
  const auto is_file = [&](const fs::path& path) { return fs::exists(path, error) && !fs::is_directory(path, error); };
  if (is_file(given)) return given;
  const fs::path shipped = shipped_folder(folder);
  const fs::path normal = fs::path(given).lexically_normal();
  const bool of_folder = normal.parent_path() == fs::path(folder);
  const fs::path path = shipped / (of_folder ? normal.filename() : fs::path(given + ".toml"));
  if (!shipped.empty() && (of_folder || given.find('/') == std::string::npos) && is_file(path)) return path;
  const std::vector<std::string> known = shipped_names(folder);
  throw std::invalid_argument("no " + kind + " '" + given + "'" + did_you_mean(nearest_name(normal.stem().string(), known)) +
                              " Give a TOML file or one of the shipped " + kind + "s (" +
                              (known.empty() ? "none found" : join_names(known)) + ")");
}

}  // namespace scout
