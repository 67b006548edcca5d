// The text files that come with the program: configs of trainings, suites of benchmarks.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace scout {

/// The folder `name` that comes with the program: share/scout/NAME of an installation, NAME beside the program's build
/// folder, or NAME in the current folder; empty if there is none.
std::filesystem::path shipped_folder(const std::string& name);

/// The TOML files of that folder without their endings, sorted.
std::vector<std::string> shipped_names(const std::string& folder);

/// The file `given`, if there is one; else the shipped file that it names: "demo", or "configs/demo.toml" outside the tree.
/// Throws std::invalid_argument that calls it a `kind` and lists the shipped names.
std::filesystem::path find_file(const std::string& given, const std::string& folder, const std::string& kind);

}  // namespace scout
