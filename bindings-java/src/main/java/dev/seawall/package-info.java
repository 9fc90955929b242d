/**
 * Seawall: calls to dependencies through every layer of resilience, by policies, decided by one native core that is the
 * same in every language.
 *
 * <p>Begin with {@link dev.seawall.Seawall} and {@link dev.seawall.Dependency}. The parts are there by themselves, too:
 * circuit breaker, bulkhead, token bucket, retry budget, backoff, deadline and latency histogram.
 *
 * <p>Everything is safe for any number of threads, platform and virtual. Refusals are subclasses of
 * {@link dev.seawall.RefusedException}; wrong settings are {@link dev.seawall.ConfigException}; exceptions of your own
 * functions come through unchanged.
 *
 * <p>Objects own a little native memory, which goes with them when nobody reaches them any more; {@code close()} only
 * ends their use and may be left out.
 */
package dev.seawall;
