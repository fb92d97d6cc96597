#include "gen/bad_record.hpp"

#include <algorithm>
#include <string>

#include "gen/digits.hpp"
#include "gen/event_json.hpp"
#include "gen/mix.hpp"

namespace marquee::gen {
namespace {

template <size_t N>
std::string_view one_of(uint64_t chance, const std::array<std::string_view, N>& list) {
  return list[(chance >> 40) % N];
}

// `text` between quotes, with `before` in front of it.
std::string quoted(std::string_view text, std::string_view before = {}) {
  std::string out(1, '"');
  out.append(before).append(text).push_back('"');
  return out;
}

// A number with a minus sign.
std::string negative(uint64_t value) {
  std::string out(1, '-');
  return out.append(std::to_string(value));
}

// An object with everything right but the tokens that `kind` is about.
char* write_wrong_value(char* out, const Event& event, BadKind kind, const Catalogue& catalogue, Profile profile) {
  static constexpr std::array<std::string_view, 3> kNoText{R"({"id":"m-000123"})", R"(["m-000123"])", "true"};
  static constexpr std::array<std::string_view, 3> kNoTime{R"("yesterday")", "1.7638e12", "true"};
  static constexpr std::array<std::string_view, 3> kHuge{"253402300800000", "9223372036854775808",
                                                         "99999999999999999999999999"};
  static constexpr std::array<std::string_view, 2> kOverDay{"86400001", "4294967296000"};
  const uint64_t chance = event.chance;
  std::array<char, kUserIdBytesMax> user_text{};
  const std::string_view user_id(user_text.data(), write_user_id(user_text.data(), event.viewer));
  const std::string item_id = catalogue.content_id(event.title);
  std::string user = quoted(user_id);
  std::string item = quoted(item_id);
  std::string time = std::to_string(event.event_ms);
  std::string watch = std::to_string(event.watch_ms);
  switch (kind) {
    case BadKind::kOpenString:
      item.pop_back();
      break;
    case BadKind::kInvalidUtf8:
      user = quoted(user_id, (chance & 1) != 0 ? "\xff" : "\xc3(");
      break;
    case BadKind::kBadEscape:
      item = quoted(item_id, "\\q");
      break;
    case BadKind::kLoneSurrogate:
      item = quoted(item_id, "\\ud800");
      break;
    case BadKind::kItemMissing:
      item.clear();
      break;
    case BadKind::kItemEmpty:
      item = quoted({});
      break;
    case BadKind::kItemTooLong:
      item = quoted(std::string(300, 'x'));
      break;
    case BadKind::kItemType:
      item = one_of(chance, kNoText);
      break;
    case BadKind::kItemFloat:
      item = std::to_string(event.title) + ".5";
      break;
    case BadKind::kTimeMissing:
      time.clear();
      break;
    case BadKind::kTimeType:
      time = one_of(chance, kNoTime);
      break;
    case BadKind::kTimeNegative:
      time = negative(static_cast<uint64_t>(event.event_ms) + 1);
      break;
    case BadKind::kTimeHuge:
      time = one_of(chance, kHuge);
      break;
    case BadKind::kTimeFuture:
      time = "7258118400000";
      break;
    case BadKind::kWatchType:
      watch = R"("a while")";
      break;
    case BadKind::kWatchNegative:
      watch = negative(event.watch_ms + 1ULL);
      break;
    case BadKind::kWatchOverDay:
      watch = one_of(chance, kOverDay);
      break;
    default:
      break;
  }
  return write_event_with(out, event, profile, {user, item, time, watch});
}

char* write_nested(char* out, const Event& event, const Catalogue& catalogue) {
  constexpr size_t kLevels = 2000;
  out = write_text(out, R"({"content_id":")");
  out = catalogue.write_content_id(out, event.title);
  out = write_text(out, R"(","extra":)");
  return std::fill_n(out, kLevels, '[');
}

}  // namespace

BadKind bad_kind(const Event& event, size_t kinds) {
  return static_cast<BadKind>(below(event.chance, kinds));
}

char* write_bad(char* out, const Event& event, BadKind kind, const Catalogue& catalogue, Profile profile) {
  static constexpr std::array<std::string_view, 5> kNoObject{R"("just a string")", "42", "null", "true", "watched"};
  switch (kind) {
    case BadKind::kEmpty:
      return out;
    case BadKind::kNotObject:
      return write_text(out, one_of(event.chance, kNoObject));
    case BadKind::kByteOrderMark:
      return write_event(write_text(out, "\xef\xbb\xbf"), event, catalogue, profile);
    case BadKind::kDeepNesting:
      return write_nested(out, event, catalogue);
    case BadKind::kMissingBrace:
      return write_event(out, event, catalogue, profile) - 1;
    case BadKind::kTruncated: {
      // At least the brace stays, at least the last one goes.
      const char* end = write_event(out, event, catalogue, profile);
      return out + 1 + (event.chance & 0xffff) % static_cast<uint64_t>(end - out - 1);
    }
    default:
      return write_wrong_value(out, event, kind, catalogue, profile);
  }
}

}  // namespace marquee::gen
