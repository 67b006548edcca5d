// Gets a data set from its official address.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "scout/data/catalog.h"
#include "scout/download/download.h"

namespace scout {

/// A file that is being downloaded, and how far.
using FetchProgress = std::function<void(const std::string& file, std::int64_t done, std::int64_t total)>;

/// Brings `set` into `folder`, from where it is read once as a check. What is there and right stays. Returns false if that
/// is everything. A file that the user put beside it by hand (the archive of CIFAR in `folder`) is used too. Throws
/// std::runtime_error that says what went wrong and what to do; see `download`.
bool fetch_data(const ImageDataSet& set, const std::filesystem::path& folder, const FetchProgress& progress = {});

}  // namespace scout
