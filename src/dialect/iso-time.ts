const DATE = String.raw`(\d{4})-(\d\d)-(\d\d)`;
const CLOCK = String.raw`(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?`;
const OFFSET = String.raw`([Zz]|([+-])(\d\d):?(\d\d)?)`;
const ISO_TIME = new RegExp(`^${DATE}(?:[Tt ]${CLOCK}${OFFSET}?)?$`);

const MINUTE = 60_000;

/**
 * Reads an ISO 8601 time in its extended form, a date alone too; milliseconds since 1970, or
 * undefined where the text is none or names a day or an hour that does not exist. A time without
 * offset counts as UTC. `Date.parse` will not do: it takes 30 February for 2 March.
 */
export function parseIsoTime(text: string): number | undefined {
  const found = ISO_TIME.exec(text);
  if (!found) return undefined;
  const part = (group: number): number => Number(found[group] ?? 0);
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(part) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [offsetHours, offsetMinutes] = [part(10), part(11)];
  const exists =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysIn(year, month) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    offsetHours <= 23 &&
    offsetMinutes <= 59;
  if (!exists) return undefined;
  const millisecond = Math.trunc(Number(`0.${found[7] ?? 0}`) * 1_000);
  // The setter, since Date.UTC takes the years 0 to 99 for 1900 to 1999.
  const time = new Date(0).setUTCFullYear(year, month - 1, day);
  const clock = ((hour * 60 + minute) * 60 + second) * 1_000 + millisecond;
  const offset = (offsetHours * 60 + offsetMinutes) * MINUTE;
  return time + clock - (found[9] === '-' ? -offset : offset);
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return leap ? 29 : 28;
}
