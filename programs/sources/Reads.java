/** Connects and reads: {@code java Reads HOST PORT}. */
public class Reads {
    public static void main(String[] words) throws Exception {
        try (var peer = new java.net.Socket(words[0], Integer.parseInt(words[1]))) {
            peer.getInputStream().readAllBytes();
        }
    }
}
