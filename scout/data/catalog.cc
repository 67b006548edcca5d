#include "scout/data/catalog.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "scout/base/names.h"

namespace scout {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kGzip = ".gz";

std::vector<ImageDataSet> make_table() {
  const std::vector<std::string> idx_train{"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"};
  const std::vector<std::string> idx_test{"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};
  const ImageDataSet mnist{
      .name = "mnist",
      .summary = "handwritten digits, 28x28 grey, 10 classes",
      .source = "LeCun, Cortes & Burges 1998",
      .channels = 1,
      .side = 28,
      .classes = 10,
      .train_count = 60000,
      .test_count = 10000,
      .format = ImageFormat::idx,
      .label_bytes = 1,
      .folder = "mnist",
      .other_folder = "MNIST/raw",
      .train_files = idx_train,
      .test_files = idx_test,
      // The authors' own address has not served the files for years; these two are the copies in general use.
      .addresses = {"https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/",
                    "http://yann.lecun.com/exdb/mnist/"},
      .downloads = {{idx_train[0], "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
                    {idx_train[1], "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
                    {idx_test[0], "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
                    {idx_test[1], "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"}},
  };
  ImageDataSet fashion = mnist;
  fashion.name = fashion.folder = "fashion-mnist";
  fashion.other_folder = "FashionMNIST/raw";
  fashion.summary = "articles of clothing, 28x28 grey, 10 classes";
  fashion.source = "Xiao, Rasul & Vollgraf 2017";
  fashion.addresses = {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"};
  fashion.downloads = {{idx_train[0], "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
                       {idx_train[1], "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
                       {idx_test[0], "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
                       {idx_test[1], "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"}};
  const ImageDataSet cifar_10{
      .name = "cifar-10",
      .summary = "tiny photographs, 32x32 in colour, 10 classes",
      .source = "Krizhevsky 2009",
      .channels = 3,
      .side = 32,
      .classes = 10,
      .train_count = 50000,
      .test_count = 10000,
      .format = ImageFormat::cifar,
      .label_bytes = 1,
      .folder = "cifar-10-batches-bin",
      .other_folder = "",
      .train_files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
      .test_files = {"test_batch.bin"},
      .addresses = {"https://www.cs.toronto.edu/~kriz/"},
      .downloads = {{"cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530"}},
  };
  ImageDataSet cifar_100 = cifar_10;
  cifar_100.name = "cifar-100";
  cifar_100.summary = "tiny photographs, 32x32 in colour, 100 classes";
  cifar_100.classes = 100;
  cifar_100.label_bytes = 2;  // coarse, fine
  cifar_100.folder = "cifar-100-binary";
  cifar_100.train_files = {"train.bin"};
  cifar_100.test_files = {"test.bin"};
  cifar_100.downloads = {{"cifar-100-binary.tar.gz", "md5:03b5dce01913d631647c71ecec9e9cb8"}};
  return {mnist, fashion, cifar_10, cifar_100};
}

/// The value of an environment variable; empty if it is not set.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

const std::vector<ImageDataSet>& image_data_sets() {
  static const std::vector<ImageDataSet> table = make_table();
  return table;
}

const ImageDataSet& image_data_set(std::string_view name) {
  std::vector<std::string> names;
  for (const ImageDataSet& set : image_data_sets()) {
    if (set.name == name) return set;
    names.push_back(set.name);
  }
  throw std::invalid_argument("unknown data set '" + std::string(name) + "'" + did_you_mean(nearest_name(name, names)) +
                              " Known data sets: " + join_names(names));
}

fs::path data_folder(const std::string& given) {
  if (!given.empty()) return given;
  if (const std::string folder = environment("SCOUT_DATA"); !folder.empty()) return folder;
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) return fs::path(cache) / "scout/data";
  return fs::path(environment("HOME")) / ".cache/scout/data";
}

std::vector<fs::path> find_data_files(const ImageDataSet& set, const fs::path& folder, const std::string& file) {
  const std::string plain = file.ends_with(kGzip) ? file.substr(0, file.size() - kGzip.size()) : file;
  std::vector<std::string> names{plain};
  if (const auto dash = plain.find("-idx"); dash != std::string::npos) names.emplace_back(plain)[dash] = '.';
  std::vector<fs::path> out;
  for (const std::string& place : {set.folder, set.other_folder}) {
    if (place.empty()) continue;
    for (const std::string& name : names) {
      for (const char* ending : {kGzip.data(), ""}) {
        const fs::path path = folder / place / (name + ending);
        if (fs::exists(path) && !fs::is_directory(path)) out.push_back(path);
      }
    }
  }
  return out;
}

bool is_present(const ImageDataSet& set, const fs::path& folder) {
  const auto found = [&](const std::string& file) { return !find_data_files(set, folder, file).empty(); };
  return std::all_of(set.train_files.begin(), set.train_files.end(), found) &&
         std::all_of(set.test_files.begin(), set.test_files.end(), found);
}

std::string how_to_get(const ImageDataSet& set, const fs::path& folder) {
  std::string text = "Get the data set with `scout data fetch " + set.name + " --data-dir " + folder.string() +
                     "`, or, where it is elsewhere, name its folder by --data-dir or SCOUT_DATA. Official files, in " +
                     set.addresses.front() + ":";
  for (const DataFile& file : set.downloads) text += " " + file.name + " (" + file.checksum + ")";
  // Near misses: other programs' forms of the same data, and files one folder too high.
  for (const char* python : {"cifar-10-batches-py", "cifar-100-python"}) {
    const bool same = std::string(python).starts_with(set.name + "-");
    if (same && fs::exists(folder / python)) {
      text += ". " + (folder / python).string() + " is the version for Python, which cannot be read here";
    }
  }
  for (const std::string& file : set.train_files) {
    const fs::path path =
        folder / set.folder / file.substr(0, file.ends_with(kGzip) ? file.size() - kGzip.size() : file.npos);
    if (!fs::is_directory(path)) continue;
    text += ". " + path.string() + " is a folder: the file of that name, which it may hold, belongs in its place";
    break;
  }
  ImageDataSet flat = set;
  flat.folder = ".";
  flat.other_folder.clear();
  for (const std::string& file : set.train_files) {
    if (find_data_files(flat, folder, file).empty()) continue;
    text += ". " + folder.string() + " itself has files of such a name: they belong into " + (folder / set.folder).string();
    break;
  }
  return text;
}

}  // namespace scout
