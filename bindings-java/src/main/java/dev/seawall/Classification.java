package dev.seawall;

/** Says what the end of an attempt means, in place of the rules of {@link CallOptions}. */
@FunctionalInterface
public interface Classification {
    /**
     * Judges one attempt. Called once for each, on the thread that heard of its end. What it throws makes the attempt
     * say nothing about the dependency, and goes along with the attempt's own exception.
     *
     * @param result what the function gave, if it gave something
     * @param thrown what it threw instead, or null; wrappers of futures are taken off
     * @return the verdict
     */
    Verdict of(Object result, Throwable thrown);
}
