// The image data sets that Scout knows: where their official files come from, and what is in them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace scout {

/// How the bytes are laid out.
enum class ImageFormat {
  idx,   ///< two files a part, images and labels, big-endian headers, as distributed for MNIST; gzip or not
  cifar  ///< records of label bytes (the last is the class) and pixel planes, without a header
};

/// A file to download. Its checksum is "md5:..." or "sha256:...", whichever stands for the official file.
struct DataFile {
  std::string name;
  std::string checksum;
};

/// A row of the table of data sets.
struct ImageDataSet {
  std::string name;
  std::string summary;
  std::string source;  ///< authors and year
  int channels;
  int side;  ///< images are square
  int classes;
  std::size_t train_count;
  std::size_t test_count;
  ImageFormat format;
  int label_bytes;                       ///< of a CIFAR record
  std::string folder;                    ///< below the data folder
  std::string other_folder;              ///< where torchvision puts the same files; may be empty
  std::vector<std::string> train_files;  ///< in `folder`; IDX: images, labels
  std::vector<std::string> test_files;
  std::vector<std::string> addresses;  ///< of folders that hold `downloads`, tried in this order
  std::vector<DataFile> downloads;     ///< IDX: the files themselves; CIFAR: a .tar.gz that holds `folder`
};

/// Every known data set.
const std::vector<ImageDataSet>& image_data_sets();

/// A row by name. Throws std::invalid_argument that lists the names.
const ImageDataSet& image_data_set(std::string_view name);

/// The folder that holds the data sets' folders: `given`, or $SCOUT_DATA, or $XDG_CACHE_HOME/scout/data, or
/// ~/.cache/scout/data. It need not exist.
std::filesystem::path data_folder(const std::string& given = "");

/// What there is below `folder` of a file of `set`, which goes by several names: with or without the ending .gz, with a dot
/// before idx as inside the archives of MNIST, in the folder of `set` or in its other one.
std::vector<std::filesystem::path> find_data_files(const ImageDataSet& set, const std::filesystem::path& folder,
                                                   const std::string& file);

/// Whether every file that `load_images` reads is there; their content is not looked at.
bool is_present(const ImageDataSet& set, const std::filesystem::path& folder);

/// For errors: how to get `set` into `folder`, and what lies there that cannot be read as it is.
std::string how_to_get(const ImageDataSet& set, const std::filesystem::path& folder);

}  // namespace scout
