// marquee-oracle: the reference as a command, for scripts that compare it with marquee.
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/job_config_toml.hpp"
#include "oracle/oracle.hpp"
#include "oracle/topic.hpp"

namespace {

constexpr std::string_view kUsage =
    R"(usage: marquee-oracle --config FILE [--summary FILE] [FILE|-]...
       marquee-oracle --config FILE [--summary FILE] --kafka FILE [--letters FILE] [--check-topic FILE [--upto-watermark]]

The first form reads NDJSON (plain; standard input when no file is named), all files as one partition, and prints
what `marquee replay` must print. The second reads messages, one a line in offset order within each partition:
partition<TAB>offset<TAB>timestamp_ms<TAB>base64(value).

  --config FILE       the job's TOML file
  --summary FILE      write the counts there, as JSON
  --kafka FILE        messages instead of files; - is standard input
  --letters FILE      write there what must leave as a letter, one record a line:
                      partition<TAB>offset<TAB>index within the message<TAB>reason, or late
  --check-topic FILE  print no results, but compare with a dump of the result topic: key<TAB>value, in offset order
  --upto-watermark    ask only for the windows that are complete at the job watermark

Exit status: 0 fine, 1 the topic differs, 64 usage, 66 a file cannot be read or written, 78 configuration.
)";

constexpr int kExitDiffers = 1;
constexpr int kExitUsage = 64;
constexpr int kExitFile = 66;
constexpr int kExitConfig = 78;
constexpr std::size_t kDifferencesShown = 10;

struct Arguments {
  std::string config;
  std::string summary;
  std::string kafka;
  std::string letters;
  std::string check_topic;
  bool upto_watermark = false;
  std::vector<std::string> files;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Arguments parse_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto value = [&] {
      if (i + 1 == words.size()) throw UsageError(words[i] + " needs a value");
      return words[++i];
    };
    if (words[i] == "--config") {
      arguments.config = value();
    } else if (words[i] == "--summary") {
      arguments.summary = value();
    } else if (words[i] == "--kafka") {
      arguments.kafka = value();
    } else if (words[i] == "--letters") {
      arguments.letters = value();
    } else if (words[i] == "--check-topic") {
      arguments.check_topic = value();
    } else if (words[i] == "--upto-watermark") {
      arguments.upto_watermark = true;
    } else if (words[i].starts_with("--")) {
      throw UsageError("unknown option " + words[i]);
    } else {
      arguments.files.push_back(words[i]);
    }
  }
  if (arguments.config.empty()) throw UsageError("--config is needed");
  if (!arguments.kafka.empty() && !arguments.files.empty()) throw UsageError("--kafka and files do not go together");
  if (!arguments.letters.empty() && arguments.kafka.empty()) throw UsageError("--letters is for --kafka");
  if (arguments.upto_watermark && arguments.check_topic.empty()) {
    throw UsageError("--upto-watermark is for --check-topic");
  }
  return arguments;
}

std::string read_all(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void feed_messages(oracle::Oracle& oracle, const Arguments& arguments) {
  std::ofstream letters;
  if (!arguments.letters.empty()) letters.open(arguments.letters, std::ios::binary);
  for (const oracle::Message& message : oracle::parse_message_dump(read_all(arguments.kafka))) {
    const std::vector<oracle::Judgement> judgements = oracle.feed_message(message);
    if (!letters.is_open()) continue;
    for (std::size_t i = 0; i < judgements.size(); ++i) {
      const oracle::Judgement& judgement = judgements[i];
      if (judgement.verdict != oracle::Verdict::kInvalid && judgement.verdict != oracle::Verdict::kLate) continue;
      letters << message.partition << '\t' << message.offset << '\t' << i << '\t'
              << (judgement.verdict == oracle::Verdict::kLate ? "late" : judgement.reason) << '\n';
    }
  }
  if (!arguments.letters.empty() && !letters.flush()) throw std::runtime_error("cannot write " + arguments.letters);
}

void feed_all(oracle::Oracle& oracle, const Arguments& arguments) {
  if (!arguments.kafka.empty()) {
    feed_messages(oracle, arguments);
    return;
  }
  if (arguments.files.empty()) oracle.feed_file(read_all("-"));
  for (const std::string& path : arguments.files) oracle.feed_file(read_all(path));
}

int report(const oracle::TopicCheck& check) {
  std::cout << check.records << " records, " << check.keys << " keys, " << check.compared << " compared, "
            << check.differences.size() << " differences\n";
  for (std::size_t i = 0; i < check.differences.size() && i < kDifferencesShown; ++i) {
    std::cout << check.differences[i] << "\n";
  }
  if (check.differences.size() > kDifferencesShown) {
    std::cout << "... and " << check.differences.size() - kDifferencesShown << " more\n";
  }
  return check.differences.empty() ? 0 : kExitDiffers;
}

int run(const Arguments& arguments, oracle::JobConfig config) {
  oracle::Oracle oracle(std::move(config));
  feed_all(oracle, arguments);
  if (!arguments.summary.empty()) {
    std::ofstream summary(arguments.summary, std::ios::binary);
    summary << oracle.summary_json() << "\n";
    if (!summary.flush()) throw std::runtime_error("cannot write " + arguments.summary);
  }
  if (!arguments.check_topic.empty()) {
    return report(oracle::check_topic(oracle, read_all(arguments.check_topic), arguments.upto_watermark));
  }
  std::cout << oracle.replay_output();
  if (!std::cout.flush()) throw std::runtime_error("cannot write to standard output");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  Arguments arguments;
  std::optional<oracle::JobConfig> config;
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() == 1 && (words[0] == "--help" || words[0] == "-h")) {
      std::cout << kUsage;
      return 0;
    }
    arguments = parse_arguments(words);
    config = oracle::load_job_config(arguments.config);
    return run(arguments, *config);
  } catch (const UsageError& error) {
    std::cerr << "marquee-oracle: " << error.what() << "\n" << kUsage;
    return kExitUsage;
  } catch (const std::runtime_error& error) {
    std::cerr << "marquee-oracle: " << error.what() << "\n";
    return config ? kExitFile : kExitConfig;
  }
}
