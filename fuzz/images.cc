// Files of images: IDX and the binary version of CIFAR, plain and by gzip, against a reader of a few lines.
#include "scout/data/images.h"

#include <zlib.h>

#include <algorithm>

#include "fuzz/target.h"

namespace scout::fuzz {
namespace {

constexpr std::size_t kTrain = 4, kTest = 2;
constexpr int kSide = 2, kClasses = 3;

ImageDataSet small_set(ImageFormat format) {
  ImageDataSet set = image_data_set(format == ImageFormat::idx ? "mnist" : "cifar-100");
  set.name = set.folder = format == ImageFormat::idx ? "idx" : "cifar";
  set.other_folder.clear();
  set.side = kSide;
  set.classes = kClasses;
  set.train_count = kTrain;
  set.test_count = kTest;
  if (format == ImageFormat::idx) {
    set.train_files = {"train-images", "train-labels"};
    set.test_files = {"test-images", "test-labels"};
  } else {
    set.train_files = {"one", "two"};
    set.test_files = {"test"};
  }
  return set;
}

std::vector<std::string> files_of(const ImageDataSet& set) {
  std::vector<std::string> out = set.train_files;
  out.insert(out.end(), set.test_files.begin(), set.test_files.end());
  return out;
}

std::string gzipped(std::string_view bytes) {
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string idx_header(std::initializer_list<std::size_t> shape) {
  std::string out{'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const std::size_t n : shape) out += {'\0', '\0', '\0', static_cast<char>(n)};
  return out;
}

/// What the reader has to make of the content of a part's files; false if it has to refuse them.
bool read_plainly(ImageFormat format, std::size_t count, std::span<const std::string> files, Images& out) {
  const auto side = static_cast<std::size_t>(kSide);
  if (format == ImageFormat::idx) {
    const std::string images = idx_header({count, side, side}), labels = idx_header({count});
    if (!files[0].starts_with(images) || files[0].size() != images.size() + count * side * side) return false;
    if (!files[1].starts_with(labels) || files[1].size() != labels.size() + count) return false;
    out.pixels.assign(files[0].begin() + static_cast<std::ptrdiff_t>(images.size()), files[0].end());
    out.labels.assign(files[1].begin() + static_cast<std::ptrdiff_t>(labels.size()), files[1].end());
  } else {
    const std::size_t record = 2 + 3 * side * side;
    for (const std::string& file : files) {
      if (file.size() != count / files.size() * record) return false;
      for (std::size_t at = 0; at < file.size(); at += record) {
        out.labels.push_back(static_cast<std::uint8_t>(file[at + 1]));
        out.pixels.insert(out.pixels.end(), file.begin() + static_cast<std::ptrdiff_t>(at + 2),
                          file.begin() + static_cast<std::ptrdiff_t>(at + record));
      }
    }
  }
  return std::ranges::all_of(out.labels, [](int label) { return label < kClasses; });
}

}  // namespace

// The first byte says which format, the second which files are compressed; then the files.
std::vector<std::string> seeds() {
  const std::string mark(1, kMark), pixels = "abcdefghijklmnop", labels("\0\1\2\0", 4);
  const std::string idx = idx_header({4, 2, 2}) + pixels + mark + idx_header({4}) + labels + mark + idx_header({2, 2, 2}) +
                          "ABCDEFGH" + mark + idx_header({2}) + std::string("\1\2", 2);
  std::string record = std::string("\0\1", 2) + "abcdefghijkl", cifar = record + record + mark + record + record + mark;
  cifar += record + record;
  std::vector<std::string> out;
  for (const char compressed : {'\0', '\x0f'}) {
    out.push_back(std::string(1, 0) + compressed + idx);
    out.push_back(std::string(1, 1) + compressed + cifar);
  }
  out.push_back(std::string(2, 0) + gzipped(idx_header({4, 2, 2}) + pixels));
  return out;
}

void run(Input input) {
  static const ImageDataSet sets[2]{small_set(ImageFormat::idx), small_set(ImageFormat::cifar)};
  Pieces pieces(input);
  const ImageDataSet& set = sets[pieces.below(2)];
  const std::uint8_t compressed = pieces.byte();
  const auto names = files_of(set);
  std::filesystem::create_directories(folder() / set.folder);
  std::vector<std::string> contents;
  bool known = true;  // what the files hold
  for (std::size_t i = 0; i < names.size(); ++i) {
    contents.emplace_back(text(pieces.until_mark()));
    const bool pack = (compressed >> i & 1) != 0;
    known = known && (pack || !contents.back().starts_with('\x1f'));
    write_file(folder() / set.folder / names[i], pack ? gzipped(contents.back()) : contents.back());
  }
  TrainAndTest read;
  const bool taken = takes<std::runtime_error>([&] { read = load_images(set, folder()); });
  Images train, test;
  const std::span<const std::string> files(contents);
  const std::size_t parts = set.train_files.size();
  const bool right = read_plainly(set.format, kTrain, files.first(parts), train) &&
                     read_plainly(set.format, kTest, files.subspan(parts), test);
  if (known) expect(taken == right, taken ? "files that are not right were read" : "right files were refused");
  if (!taken) return;
  for (const Images* images : {&read.train, &read.test}) {
    expect(images->pixels.size() == images->count() * images->image_size(), "not all pixels are there");
    for (const int label : images->labels) expect(label < kClasses, "a label out of range");
    const Images half = downsample(*images, 1);
    expect(half.pixels.size() == images->count() * static_cast<std::size_t>(images->channels),
           "a smaller image of other size");
  }
  if (!known) return;
  expect(read.train.pixels == train.pixels && read.test.pixels == test.pixels, "other pixels than the files hold");
  expect(read.train.labels == train.labels && read.test.labels == test.labels, "other labels than the files hold");
}

}  // namespace scout::fuzz
