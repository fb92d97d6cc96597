#include "differential/random_job.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <set>
#include <utility>

#include "differential/random_json.hpp"
#include "differential/random_schema.hpp"
#include "differential/random_token.hpp"

namespace differential {
namespace {

using Texts = std::vector<std::string>;

constexpr std::int64_t kTimeMsMax = 253'402'300'799'999;

// Which records may stand where: some kinds would change how a message of many records is taken apart.
enum class Place { kAlone, kLine, kArrayElement, kPretty };

// Event times of one partition: mostly on their way forward, and often exactly on an edge.
class Times {
 public:
  Times(const Schema& schema, std::int64_t start_ms) : schema_(&schema), now_ms_(start_ms), highest_ms_(start_ms) {}

  std::int64_t next(Rng& rng) {
    const std::int64_t time_ms = std::clamp<std::int64_t>(choose(rng), 0, kTimeMsMax);
    highest_ms_ = std::max(highest_ms_, time_ms);
    return time_ms;
  }

 private:
  std::int64_t choose(Rng& rng) {
    const oracle::JobConfig& config = schema_->config;
    const std::int64_t scale_ms = schema_->scale_ms;
    if (!planned_.empty()) {
      const std::int64_t time_ms = planned_.back();
      planned_.pop_back();
      return time_ms;
    }
    const oracle::Window& window = rng.pick(config.leaderboards).window;
    const std::int64_t dice = rng.between(0, 99);
    if (dice < 60) {
      now_ms_ += rng.between(0, std::max<std::int64_t>(scale_ms / 4, 1));
      return now_ms_ - (rng.chance(50) ? rng.between(0, config.disorder_ms + scale_ms / 4) : 0);
    }
    const oracle::Span pane = oracle::pane_of(window, std::clamp<std::int64_t>(now_ms_, 0, kTimeMsMax));
    if (dice < 75) return pane.end_ms + rng.between(-1, 1);
    if (dice < 80) return pane.start_ms + rng.between(-1, 1);
    if (dice < 90) {
      // The watermark comes to stand on the pane's end + lateness, or beside it; then events knock on that pane.
      planned_ = {pane.end_ms, pane.end_ms - 1, pane.start_ms, pane.start_ms - 1};
      rng.shuffle(planned_);
      return std::max(pane.end_ms + config.lateness_ms + config.disorder_ms + rng.between(-1, 1), highest_ms_);
    }
    if (dice < 98) {
      return highest_ms_ - config.disorder_ms - config.lateness_ms - rng.between(-scale_ms, 8 * scale_ms);
    }
    now_ms_ += rng.between(1, 6) * scale_ms;
    return now_ms_;
  }

  const Schema* schema_;
  std::int64_t now_ms_;
  std::int64_t highest_ms_;
  std::vector<std::int64_t> planned_;  // to be taken from the back
};

std::string joined(std::initializer_list<std::string> parts) {
  std::string out;
  for (const std::string& part : parts) out += part;
  return out;
}

class RecordMaker {
 public:
  explicit RecordMaker(const Schema& schema) : schema_(&schema) {}

  // One record in the way of its place, without the line feed that may end it.
  std::string make(Rng& rng, std::int64_t time_ms, Place place) {
    const std::int64_t dice = rng.between(0, 99);
    std::string out;
    if (dice < 72 || (place == Place::kPretty && dice >= 84)) {
      out = render(rng, values(rng, time_ms), place, Fault::kNone);
    } else if (dice < 84) {
      out = render(rng, with_wrong_field(rng, time_ms), place, Fault::kNone);
    } else if (dice < 89) {
      std::vector<PathValue> broken = values(rng, time_ms);
      spoil(rng, broken);
      out = render(rng, broken, place, Fault::kNone);
    } else if (dice < 96) {
      out = render(rng, values(rng, time_ms), place, random_fault(rng, place));
    } else if (dice < 99) {
      out = no_object(rng, time_ms, place);
    } else {
      out = deep(rng, time_ms, place);
    }
    return out;
  }

  // A megabyte that is one value which nobody reads, or one that is far too long, or that breaks off.
  std::string make_huge(Rng& rng, std::int64_t time_ms) {
    constexpr std::size_t kBytes = std::size_t{1} << 20;
    std::vector<PathValue> all = values(rng, time_ms);
    const std::size_t kind = rng.below(3);
    if (kind == 0) {
      set(all, schema_->config.item_path, string_token(rng, std::string(kBytes, 'h'), false));
    } else {
      all.push_back({"huge", string_token(rng, std::string(kBytes, 'h'), false)});
    }
    std::string out = render(rng, all, Place::kLine, Fault::kNone);
    if (kind == 2) out.resize(out.size() - 2);
    return out;
  }

 private:
  static void set(std::vector<PathValue>& all, const std::string& path, std::string json) {
    std::erase_if(all, [&path](const PathValue& value) { return value.path == path; });
    all.push_back({path, std::move(json)});
  }

  std::vector<PathValue> values(Rng& rng, std::int64_t time_ms) const {
    std::vector<PathValue> all;
    for (const Field& field : schema_->fields) {
      switch (field.role) {
        case Role::kItem:
          // The first texts come more often, so that there is something to rank.
          all.push_back(
              {field.path,
               text_token(rng, field.texts[std::min(rng.below(field.texts.size()), rng.below(field.texts.size()))],
                          field.role, true)});
          break;
        case Role::kTime:
          all.push_back({field.path, time_token(rng, time_ms, schema_->config.time_unit)});
          break;
        case Role::kWatch:
          if (!rng.chance(10)) all.push_back({field.path, watch_token(rng, schema_->config.watch_unit)});
          break;
        case Role::kDimension:
          if (has_default(field.path) && rng.chance(15)) {
            if (rng.chance(50)) all.push_back({field.path, "null"});
            break;
          }
          all.push_back({field.path, text_token(rng, rng.pick(field.texts), field.role, true)});
          break;
        case Role::kWhere:
          all.push_back({field.path, text_token(rng, where_text(rng, field), field.role, true)});
          break;
        case Role::kTitle:  // no title is wrong
          if (rng.chance(10)) {
            all.push_back({field.path, wrong_text_token(rng, field.role)});
          } else if (!rng.chance(10)) {
            all.push_back({field.path, text_token(rng, rng.pick(field.texts), field.role, true)});
          }
          break;
      }
    }
    return all;
  }

  std::string where_text(Rng& rng, const Field& field) const {
    const std::set<std::string>& passing = schema_->config.where.at(field.path);
    if (rng.chance(10)) return rng.pick(field.texts);
    return rng.pick(Texts(passing.begin(), passing.end()));
  }

  bool has_default(const std::string& path) const {
    for (const auto& [name, dimension] : schema_->config.dimensions) {
      if (dimension.path == path && dimension.default_value) return true;
    }
    return false;
  }

  std::vector<PathValue> with_wrong_field(Rng& rng, std::int64_t time_ms) const {
    std::vector<PathValue> all = values(rng, time_ms);
    const Field& field = rng.pick(schema_->fields);
    if (rng.chance(25)) {
      std::erase_if(all, [&field](const PathValue& value) { return value.path == field.path; });
      // Something else where the path would descend: the field is absent all the same.
      const std::size_t dot = field.path.find('.');
      const std::string root = field.path.substr(0, dot);
      const bool root_is_free = std::none_of(all.begin(), all.end(), [&root](const PathValue& value) {
        return value.path.substr(0, value.path.find('.')) == root;
      });
      if (dot != std::string::npos && root_is_free && rng.chance(60)) {
        all.push_back({root, rng.pick(Texts{"1", "true", "null", "\"x\"", "[]", "[{\"item\":1}]", "{}"})});
      }
      if (all.empty()) all.push_back({"n", "1"});
      return all;
    }
    switch (field.role) {
      case Role::kTime:
        set(all, field.path, wrong_time_token(rng, schema_->config.time_unit));
        break;
      case Role::kWatch:
        set(all, field.path, wrong_watch_token(rng, schema_->config.watch_unit));
        break;
      default:
        set(all, field.path, wrong_text_token(rng, field.role));
    }
    return all;
  }

  void spoil(Rng& rng, std::vector<PathValue>& all) const {
    std::vector<const Field*> read;
    for (const Field& field : schema_->fields) {
      if (field.is_read) read.push_back(&field);
    }
    const Field& field = *rng.pick(read);
    set(all, field.path, malformed_token(rng, field.role));
  }

  static Fault random_fault(Rng& rng, Place place) {
    while (true) {
      const int last = place == Place::kArrayElement ? kFirstUnbalancedFault - 1 : kLastFault;
      const auto fault = static_cast<Fault>(rng.between(1, last));
      if (fault != Fault::kDeepUnbalanced || rng.one_in(4)) return fault;
    }
  }

  std::string no_object(Rng& rng, std::int64_t time_ms, Place place) const {
    if (place == Place::kArrayElement) {
      return rng.pick(Texts{"1", "-1.5e3", "null", "true", "\"x\"", "\"{}\"", "[]", "[{\"a\":[1]}]", "[[[]]]"});
    }
    const std::string object = render(rng, values(rng, time_ms), place, Fault::kNone);
    switch (rng.below(4)) {
      case 0:
        return joined({"\xEF\xBB\xBF", object});
      case 1:
        return rng.pick(Texts{"x", "\"", ",", "}", "\xFF", "\v", ":", std::string(1, '\0')}) + object;
      case 2:
        if (place == Place::kLine) return joined({"[", object, "]"});  // of a message it would be an array
        return joined({"\"", object});
      default:
        return rng.pick(Texts{"1", "null", "true", "\"x\"", "}", "\xFF\xFE", "NaN", "-", "x", std::string(3, '\0')});
    }
  }

  std::string deep(Rng& rng, std::int64_t time_ms, Place place) const {
    std::vector<PathValue> all = values(rng, time_ms);
    all.push_back({"deep1", nested(rng, rng.pick(std::vector<std::size_t>{600, 1023, 1024, 1025, 10'000}))});
    return render(rng, all, place, Fault::kNone);
  }

  std::string render(Rng& rng, const std::vector<PathValue>& all, Place place, Fault fault) const {
    Style style;
    style.spaces = place == Place::kPretty || rng.chance(30);
    style.line_feeds = place == Place::kPretty;
    style.noise = rng.chance(50);
    std::string out = render_object(rng, all, style, fault);
    if (rng.chance(5)) out.insert(0, rng.pick(Texts{" ", "\t", "\r", "  \t"}));
    if (rng.chance(5)) out += rng.pick(Texts{" ", "\t", "\r", " \t\r"});
    return out;
  }

  const Schema* schema_;
};

std::int64_t random_start_ms(Rng& rng, std::int64_t scale_ms) {
  switch (rng.below(6)) {
    case 0:
      return 0;
    case 1:
      return rng.between(0, 10 * scale_ms);
    case 2:
      return kTimeMsMax - rng.between(0, 20 * scale_ms);
    default:
      return 1'763'800'000'000 + rng.between(0, 86'400'000);
  }
}

// ---- files ----

std::string random_file(Rng& rng, const Schema& schema, std::int64_t start_ms) {
  RecordMaker maker(schema);
  Times times(schema, start_ms);
  const std::int64_t count = rng.between(0, 10) == 0 ? rng.between(0, 3) : rng.between(20, 400);
  const std::int64_t huge_at = rng.one_in(40) ? rng.between(0, count) : -1;
  const bool carriage_returns = rng.chance(20);
  std::string out;
  for (std::int64_t i = 0; i < count; ++i) {
    if (rng.chance(2)) out += rng.pick(Texts{"\n", "\r\n", "  \n", "\t\r\n", "\n\n\n"});
    const std::int64_t time_ms = times.next(rng);
    out += i == huge_at ? maker.make_huge(rng, time_ms) : maker.make(rng, time_ms, Place::kLine);
    if (carriage_returns || rng.chance(2)) out += '\r';
    if (i + 1 < count || rng.chance(70)) out += '\n';
  }
  return out;
}

// ---- messages ----

std::string random_pack(Rng& rng, RecordMaker& maker, Times& times) {
  std::string out;
  for (std::int64_t i = 0, count = rng.between(2, 8); i < count; ++i) {
    if (i > 0) out += rng.chance(10) ? rng.pick(Texts{"\r\n", "\n\n", "\n \t\n"}) : "\n";
    const std::int64_t time_ms = times.next(rng);
    out += maker.make(rng, time_ms, Place::kLine);
  }
  if (rng.chance(50)) out += '\n';
  return out;
}

std::string random_array(Rng& rng, RecordMaker& maker, Times& times) {
  const bool spaces = rng.chance(40);
  const auto gap = [&rng, spaces] { return spaces ? rng.pick(Texts{"", " ", "\n", "\r\n\t", "  "}) : std::string(); };
  std::string out = gap();
  out += '[';
  out += gap();
  for (std::int64_t i = 0, count = rng.between(0, 8); i < count; ++i) {
    if (i > 0) {
      out += ',';
      out += gap();
    }
    const std::int64_t time_ms = times.next(rng);
    out += maker.make(rng, time_ms, Place::kArrayElement);
    out += gap();
  }
  out += ']';
  out += gap();
  return out;
}

// An array that is none; how it is broken is one of the ways that "What a record is" names.
std::string random_broken_array(Rng& rng, RecordMaker& maker, Times& times) {
  const std::int64_t time_ms = times.next(rng);
  const std::string one = "{\"id\":1}";
  const std::string other = maker.make(rng, time_ms, Place::kArrayElement);
  switch (rng.below(10)) {
    case 0:
      return joined({"[", one, ",", other});
    case 1:
      return joined({"[", one, ",", other, ",]"});
    case 2:
      return joined({"[,", other, "]"});
    case 3:
      return joined({"[", one, ",,", other, "]"});
    case 4:
      return joined({"[", one, " ", one, "]"});
    case 5:
      return joined({"[", other, "]", rng.pick(Texts{"x", "[]", "{}", "]", ",", "\n{\"a\":1}", " null"})});
    case 6:
      return joined({"[", one, ",", other, "}"});
    case 7:
      return joined({"[", one, ",{\"id\":\"a]"});
    case 8:
      return joined({"[", with_bad_utf8(rng, one), ",", other, "]"});
    default:
      return rng.pick(Texts{"[", "[[", "[{]}", "[{\"a\":[1}]", "[,]", "[\"a]"});
  }
}

oracle::Message random_message(Rng& rng, RecordMaker& maker, Times& times, const Schema& schema, bool huge) {
  oracle::Message message;
  const std::int64_t time_ms = times.next(rng);
  const std::int64_t dice = rng.between(0, 99);
  if (huge) {
    message.value = maker.make_huge(rng, time_ms);
  } else if (dice < 70) {
    message.value = maker.make(rng, time_ms, Place::kAlone);
    if (rng.chance(5)) message.value += rng.pick(Texts{"\n", "\r\n", "\n\n "});
  } else if (dice < 80) {
    message.value = random_pack(rng, maker, times);
  } else if (dice < 90) {
    message.value = random_array(rng, maker, times);
  } else if (dice < 93) {
    message.value = maker.make(rng, time_ms, Place::kPretty);
  } else if (dice < 95) {
    message.value = maker.make(rng, time_ms, Place::kPretty);
    const std::size_t end = message.value.rfind('}');
    message.value.resize(1 + rng.below(end));  // so that the last brace is gone
  } else if (dice < 97) {
    message.value = random_broken_array(rng, maker, times);
  } else {
    message.value = rng.pick(Texts{"", "", " ", "\n", "\r\n", " \t\r\n"});
  }
  const std::int64_t max_future_ms = schema.config.max_future_ms;
  std::int64_t timestamp_ms = time_ms + rng.between(0, 2'000);
  if (rng.chance(70)) timestamp_ms += 4 * schema.scale_ms;  // of many records the later ones are ahead of the first
  if (rng.chance(8)) timestamp_ms = time_ms - max_future_ms + rng.between(-1, 1);
  if (timestamp_ms >= 0 && !rng.chance(5)) message.timestamp_ms = timestamp_ms;
  return message;
}

std::vector<std::vector<oracle::Message>> random_partitions(Rng& rng, const Schema& schema, std::int64_t start_ms) {
  std::vector<std::vector<oracle::Message>> partitions(1 + rng.below(4));
  const std::int64_t huge_in = rng.one_in(40) ? 0 : -1;
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    RecordMaker maker(schema);
    Times times(schema, start_ms);
    std::int64_t offset = rng.chance(30) ? rng.between(1, 1'000'000'000'000) : 0;
    const std::int64_t count = rng.chance(5) ? rng.between(0, 2) : rng.between(10, 120);
    for (std::int64_t i = 0; i < count; ++i) {
      const bool huge = static_cast<std::int64_t>(p) == huge_in && i == count / 2;
      oracle::Message message = random_message(rng, maker, times, schema, huge);
      message.partition = static_cast<int>(p);
      message.offset = offset;
      offset += rng.chance(5) ? rng.between(2, 9) : 1;  // compaction and transactions leave gaps
      partitions[p].push_back(std::move(message));
    }
  }
  return partitions;
}

}  // namespace

RandomJob make_random_job(std::uint64_t seed, JobForm form) {
  Rng rng(seed * 2 + (form == JobForm::kKafka ? 1 : 0));
  const Schema schema = random_schema(rng);
  RandomJob job;
  job.seed = seed;
  job.form = form;
  job.config = schema.config;
  job.toml = to_toml(rng, schema.config, form == JobForm::kKafka);
  const std::int64_t start_ms = random_start_ms(rng, schema.scale_ms);
  if (form == JobForm::kFile) {
    job.file = random_file(rng, schema, start_ms);
  } else {
    job.partitions = random_partitions(rng, schema, start_ms);
  }
  return job;
}

std::vector<std::vector<oracle::Record>> RandomJob::records() const {
  if (form == JobForm::kFile) return {oracle::split_file(file)};
  std::vector<std::vector<oracle::Record>> all;
  for (const std::vector<oracle::Message>& messages : partitions) {
    std::vector<oracle::Record>& records = all.emplace_back();
    for (const oracle::Message& message : messages) {
      for (oracle::Record& record : oracle::split_message(message)) records.push_back(std::move(record));
    }
  }
  return all;
}

oracle::Oracle RandomJob::judged() const {
  oracle::Oracle oracle(config);
  if (form == JobForm::kFile) oracle.feed_file(file);
  for (const std::vector<oracle::Message>& messages : partitions) {
    for (const oracle::Message& message : messages) oracle.feed_message(message);
  }
  return oracle;
}

}  // namespace differential
