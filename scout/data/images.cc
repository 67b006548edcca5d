#include "scout/data/images.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>

namespace scout {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kBuffer = 1 << 18;

/// One file of a data set that is being read. Plain and gzip files read alike.
class Reader {
 public:
  Reader(const ImageDataSet& set, const fs::path& folder, const fs::path& path) : set_(set), folder_(folder), path_(path) {
    if (!fs::exists(path)) fail("a file", "none");
    file_.reset(gzopen(path_.c_str(), "rb"));
    if (!file_) fail("a readable file", "one that cannot be opened");
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path_, error);
    gzbuffer(file_.get(), static_cast<unsigned>(std::clamp<std::uintmax_t>(error ? kBuffer : size, 1 << 12, kBuffer)));
  }

  [[noreturn]] void fail(const std::string& expected, const std::string& found) const {
    throw std::runtime_error("data set '" + set_.name + "': " + path_.string() + ": expected " + expected + ", found " +
                             found + ". " + how_to_get(set_, folder_));
  }

  /// Fills `out`; `what` names it in errors.
  void read(std::span<std::uint8_t> out, const std::string& what) {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto chunk = static_cast<unsigned>(std::min<std::size_t>(out.size() - done, 1U << 30));
      const int got = gzread(file_.get(), out.data() + done, chunk);
      if (got < 0) fail_damaged();
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    // A gzip stream that is cut off ends without an error of gzread itself.
    if (done < out.size()) {
      fail(std::to_string(out.size()) + " bytes of " + what, "only " + std::to_string(done) + ": the file is truncated");
    }
  }

  /// The file has to end here.
  void end() {
    std::uint8_t extra = 0;
    const int got = gzread(file_.get(), &extra, 1);
    if (got < 0) fail_damaged();
    if (got > 0) fail("the end of the file after the last example", "more bytes");
    int status = Z_OK;
    gzerror(file_.get(), &status);
    if (status != Z_OK && status != Z_STREAM_END) fail_damaged();
  }

 private:
  [[noreturn]] void fail_damaged() const {
    int status = Z_OK;
    fail("an intact file", std::string("a damaged one (") + gzerror(file_.get(), &status) + ")");
  }

  struct Close {
    void operator()(gzFile_s* file) const { gzclose(file); }
  };

  const ImageDataSet& set_;
  const fs::path& folder_;
  const fs::path path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

/// Calls `read` on a reader of `file`. Where it is there more than once, an intact one beside one that broke off counts.
template <class Read>
void read_file(const ImageDataSet& set, const fs::path& folder, const std::string& file, Read&& read) {
  std::vector<fs::path> paths = find_data_files(set, folder, file);
  if (paths.empty()) paths.push_back(folder / set.folder / file);
  std::exception_ptr first;
  for (const fs::path& path : paths) {
    try {
      Reader reader(set, folder, path);
      read(reader);
      return;
    } catch (const std::runtime_error&) {
      if (!first) first = std::current_exception();
    }
  }
  std::rethrow_exception(first);
}

void check_labels(const Reader& reader, std::span<const std::uint8_t> labels, int classes) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= classes) {
      reader.fail("labels below " + std::to_string(classes),
                  "label " + std::to_string(labels[i]) + " of example " + std::to_string(i));
    }
  }
}

/// The header of an IDX file of unsigned bytes: the magic number 0x08 and the number of dimensions, then each dimension.
void check_idx_header(Reader& reader, const std::vector<std::size_t>& shape, const char* what) {
  const auto read_number = [&] {
    std::array<std::uint8_t, 4> bytes{};
    reader.read(bytes, "an IDX header");
    return std::accumulate(bytes.begin(), bytes.end(), std::size_t{0}, [](auto n, auto byte) { return n << 8 | byte; });
  };
  const std::size_t magic = 0x800 + shape.size();
  if (const std::size_t found = read_number(); found != magic) {
    reader.fail("the magic number " + std::to_string(magic) + " of IDX " + what, std::to_string(found));
  }
  const std::array<std::string, 3> axes{std::string(what), "rows", "columns"};
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (const std::size_t found = read_number(); found != shape[axis]) {
      reader.fail(std::to_string(shape[axis]) + " " + axes[axis], std::to_string(found));
    }
  }
}

void read_idx(const ImageDataSet& set, const fs::path& folder, const std::vector<std::string>& files, Images& out) {
  const auto side = static_cast<std::size_t>(out.side);
  read_file(set, folder, files.at(0), [&](Reader& images) {
    check_idx_header(images, {out.count(), side, side}, "images");
    images.read(out.pixels, "pixels");
    images.end();
  });
  read_file(set, folder, files.at(1), [&](Reader& labels) {
    check_idx_header(labels, {out.count()}, "labels");
    labels.read(out.labels, "labels");
    labels.end();
    check_labels(labels, out.labels, out.classes);
  });
}

void read_cifar(const ImageDataSet& set, const fs::path& folder, const std::vector<std::string>& files, Images& out) {
  const std::size_t count = out.count() / files.size();
  const auto label_bytes = static_cast<std::size_t>(set.label_bytes);
  const std::size_t record_size = label_bytes + out.image_size();
  std::vector<std::uint8_t> records(count * record_size);
  std::size_t first = 0;
  for (const std::string& file : files) {
    read_file(set, folder, file, [&](Reader& reader) {
      reader.read(records, std::to_string(count) + " examples");
      reader.end();
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t* record = &records[i * record_size];
        out.labels[first + i] = record[label_bytes - 1];
        std::copy_n(record + label_bytes, out.image_size(), &out.pixels[(first + i) * out.image_size()]);
      }
      check_labels(reader, std::span(out.labels).subspan(first, count), out.classes);
    });
    first += count;
  }
}

Images read(const ImageDataSet& set, const fs::path& folder, const std::vector<std::string>& files, std::size_t count) {
  Images out{.channels = set.channels, .side = set.side, .classes = set.classes};
  out.labels.resize(count);
  out.pixels.resize(count * out.image_size());
  (set.format == ImageFormat::idx ? read_idx : read_cifar)(set, folder, files, out);
  return out;
}

/// What one target pixel takes from a row (or column) of source pixels: weights that sum to 1, from `first` on.
struct Coverage {
  std::size_t first;
  std::vector<double> weights;
};

std::vector<Coverage> coverages(int source, int target) {
  std::vector<Coverage> out;
  const double width = static_cast<double>(source) / target;
  for (int t = 0; t < target; ++t) {
    const double begin = t * width;
    const double end = begin + width;
    Coverage one{static_cast<std::size_t>(begin), {}};
    for (int s = static_cast<int>(begin); s < source && s < end; ++s) {
      const double overlap = std::min<double>(s + 1, end) - std::max<double>(s, begin);
      if (overlap > 1e-9) one.weights.push_back(overlap / width);
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

TrainAndTest load_images(const ImageDataSet& set, const fs::path& folder) {
  return {read(set, folder, set.train_files, set.train_count), read(set, folder, set.test_files, set.test_count)};
}

Images downsample(const Images& images, int side) {
  if (side < 1 || side > images.side) {
    throw std::invalid_argument("downsample: the side is " + std::to_string(side) + ": must be in [1, " +
                                std::to_string(images.side) + "]");
  }
  if (side == images.side) return images;
  Images out{.channels = images.channels, .side = side, .classes = images.classes};
  out.labels = images.labels;
  out.pixels.resize(images.count() * out.image_size());
  const auto coverage = coverages(images.side, side);
  const auto source = static_cast<std::size_t>(images.side);
  const std::size_t planes = images.count() * static_cast<std::size_t>(images.channels);
  std::uint8_t* target = out.pixels.data();
  for (std::size_t plane = 0; plane < planes; ++plane) {
    const std::uint8_t* pixels = &images.pixels[plane * source * source];
    for (const Coverage& rows : coverage) {
      for (const Coverage& columns : coverage) {
        double sum = 0;
        for (std::size_t r = 0; r < rows.weights.size(); ++r) {
          const std::uint8_t* row = pixels + (rows.first + r) * source + columns.first;
          sum += rows.weights[r] * std::inner_product(columns.weights.begin(), columns.weights.end(), row, 0.0);
        }
        *target++ = static_cast<std::uint8_t>(sum + 0.5);
      }
    }
  }
  return out;
}

}  // namespace scout
